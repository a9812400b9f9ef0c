"""From CAMs to exclusive masks, and from a mask to a better one.

It imports `tags` and `base`: arrays come in, arrays go out.
"""
