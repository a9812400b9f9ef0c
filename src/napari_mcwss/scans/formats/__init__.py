"""The file formats of scans: a module each, and the registry that lists them.

It imports `geometry` of `scans`, and `base`.
"""
