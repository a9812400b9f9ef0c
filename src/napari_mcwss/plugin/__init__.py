"""The napari docks, readers, writers and sample data.

It may import every room but `cli`; it alone imports napari and Qt.
"""
