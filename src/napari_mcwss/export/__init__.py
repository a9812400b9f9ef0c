"""Results in the formats of other programs, figures, and reports.

It imports `measurement` and what lies below it.
"""
