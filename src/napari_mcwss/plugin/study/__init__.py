"""Dialogs that make or extend a study, find lost scans, and bring tags in.

It imports `session` and `shared`.
"""
