"""The Measure dock.

It imports `study`, `session` and `shared`, and no other dock.
"""
