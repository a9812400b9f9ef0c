"""Image-level labels of slices: tables, journal and imports."""
