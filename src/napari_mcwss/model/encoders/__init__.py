"""One module per source of encoders: frozen networks that turn images into features.

It imports `base`.
"""
