"""Widgets and helpers that several docks use: background work, layers, rows.

It imports no other room of `plugin`.
"""
