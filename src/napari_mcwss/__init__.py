"""Multi-class segmentation of scans from slice tags alone."""

from napari_mcwss.base.version import __version__ as __version__
