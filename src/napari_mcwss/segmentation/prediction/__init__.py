"""From a model and a scan to scores and CAMs.

It imports `masks` and what lies below `segmentation`.
"""
