"""Measures of masks: sizes, overlap and distances, alone or against references.

It imports `segmentation` and what lies below it.
"""
