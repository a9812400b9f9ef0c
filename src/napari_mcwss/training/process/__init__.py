"""A training in a process of its own: how it is started, followed and steered.

It imports what lies below `training`, and its `config`, `events` and `cpu_priority`.
It loads no torch.
"""
