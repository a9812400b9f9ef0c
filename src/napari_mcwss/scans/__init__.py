"""Scans and their geometry: reading, finding and writing image files.

It imports `base`, and knows nothing of tags, networks or studies.
"""
