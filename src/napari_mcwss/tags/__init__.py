"""Image-level labels of slices: tables, journal, undo, imports and agreement.

It imports `base`. Scans and studies come in as numbers and names only.
"""
