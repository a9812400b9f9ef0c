"""Dialogs that make or extend a study, find missing scans, and import tags.

It imports `session` and `shared`.
"""
