"""What all docks of one viewer share: the study, the scan on screen, unsaved work.

It imports `shared`.
"""
