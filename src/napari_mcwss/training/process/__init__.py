"""A training in a process of its own: how it is started, followed and steered.

It imports what lies below `training`, and its `config` and `events`. It loads no torch.
"""
