"""Errors, files, locks and texts that every other room uses.

It imports nothing of this package.
"""
