"""Training as a stream of events: no thread, no screen, no printing.

It imports `segmentation` and what lies below it.
"""
