"""Networks, their losses and maps, and trained models on disk.

It imports `base`. It sees tensors, neither files of scans nor studies.
"""
