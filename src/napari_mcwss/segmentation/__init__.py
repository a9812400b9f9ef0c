"""From a trained model and a scan to CAMs, exclusive masks and measurements."""
