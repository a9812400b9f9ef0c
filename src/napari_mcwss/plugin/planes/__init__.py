"""Three planes of the scan on screen beside each other, and how bright they are shown.

It imports `session` and `shared`.
"""
