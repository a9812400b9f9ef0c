"""The command line with what a developer has added, by a line each.

``python additions.py ARGUMENTS`` runs it; `run_with_additions` does so from a test.
"""

import subprocess
import sys

TEXT_ONLY = {"│": " ", "╭": " ", "╮": " ", "╰": " ", "╯": " ", "─": " "}


def run_with_additions(*arguments: object) -> str:
    """Run a command and return its standard output without frames and line breaks."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return " ".join(done.stdout.translate(str.maketrans(TEXT_ONLY)).split())


if __name__ == "__main__":
    from dilate_step import DILATE
    from voxels_export import VOXELS

    from napari_mcwss.export.registry import EXPORTS
    from napari_mcwss.segmentation.masks.steps import STEP_KINDS

    STEP_KINDS[DILATE.name] = DILATE
    EXPORTS[VOXELS.name] = VOXELS

    from napari_mcwss.cli.app import main

    main()
