"""What a training learns from: slices, references, labels and views of them.

It imports what lies below `training`, and its `config`, `events` and `memory`.
"""
