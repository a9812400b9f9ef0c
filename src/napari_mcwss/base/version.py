"""The version of this package, which files and messages name."""

from importlib.metadata import version

__version__ = version("napari-mcwss")
