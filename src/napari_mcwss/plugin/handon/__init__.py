"""Dialogs that hand results on: exports, and models as one file.

It imports `study`, `session` and `shared`, and no dock.
"""
