"""The front door: a study that trains, segments, measures and exports, in a few calls.

It imports `export`, `training` and what lies below them; importing it stays light.
"""
