"""What a training leaves on disk: models, states to resume from, and records.

It imports what lies below `training`, and its `config` and `events`.
"""
