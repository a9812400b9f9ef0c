"""The command line: options in, calls of the engine, lines of text out.

It may import every other room; no room imports it.
"""
