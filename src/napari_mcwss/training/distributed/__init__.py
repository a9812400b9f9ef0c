"""Several processes that train one network together.

It imports what lies below `training`, and its `config`, `length`, `memory` and `data`.
"""
