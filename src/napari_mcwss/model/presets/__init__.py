"""One module for each method: a network with its losses and its maps.

It imports the parts that lie beside it in `model`.
"""
