"""The napari docks, readers, writers and sample data."""
