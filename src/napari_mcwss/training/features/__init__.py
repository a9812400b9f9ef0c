"""Training of heads on the features of a frozen encoder: encoded once, then learnt in seconds.

It imports what lies below `training`, and its `data` and `events`.
"""
