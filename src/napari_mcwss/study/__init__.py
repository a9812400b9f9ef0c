"""A study on disk: scans, classes, tags, models and results in one folder.

It imports `tags`, `scans`, `model` and `base`.
"""
