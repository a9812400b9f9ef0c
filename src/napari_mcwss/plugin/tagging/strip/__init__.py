"""The strip that shows all tags of a scan at once.

It imports `shared` alone.
"""
