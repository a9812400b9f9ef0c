"""``python -m napari_mcwss`` is the command line."""

from napari_mcwss.cli.app import main

main()
