"""The command line with what a developer has added, by a line each."""

from dilate_step import DILATE

from napari_mcwss.segmentation.masks.steps import STEP_KINDS

STEP_KINDS[DILATE.name] = DILATE

if __name__ == "__main__":
    from napari_mcwss.cli.app import main

    main()
