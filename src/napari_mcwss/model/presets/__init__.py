"""One module per preset: a network with its losses and its maps.

It imports the parts in `model`.
"""
