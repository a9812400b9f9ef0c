"""Training as a stream of events: no thread, no screen, no printing.

It imports `measurement` and what lies below it.
"""
