"""The tag strip: all tags of a scan at a glance.

It imports `shared` alone.
"""
