"""Correcting a mask by hand: with napari's brush, by strokes that grow, and what it brings.

It may import what the room of results may import.
"""
