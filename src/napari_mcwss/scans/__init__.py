"""Scans and their geometry: one patient's aligned channels, read and written exactly."""
