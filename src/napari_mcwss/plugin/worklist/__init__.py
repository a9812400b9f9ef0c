"""The worklist: what is done and what is left in each scan of a study.

It imports `session` and `shared`, and no dock.
"""
