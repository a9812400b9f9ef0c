"""From a trained model and a scan to CAMs and exclusive masks on disk.

It imports `study` and what lies below it.
"""
