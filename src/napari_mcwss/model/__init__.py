"""Networks, their losses and maps, and trained models on disk.

It imports `base`. It works on tensors, and knows neither files of scans nor studies.
"""
