"""Strokes that mend a mask: what a user draws, the regions that grow from it, and their file.

Arrays come in, arrays go out; only `store` knows files. It imports `masks`, `model`, `study` and
what they import.
"""
