"""Results in the form that others read."""
