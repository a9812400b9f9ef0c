"""Multi-class segmentation of scans from slice tags alone."""

from importlib.metadata import version

__version__ = version("napari-mcwss")
