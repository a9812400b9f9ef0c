"""A new kind of export is one module and one line of the registry: all else follows from it."""

import numpy as np
import pytest
from helpers.additions import run_with_additions as run
from helpers.voxels_export import VOXELS

from napari_mcwss.cli.export import export_app
from napari_mcwss.export.registry import EXPORTS
from napari_mcwss.segmentation.results import load_mask


def test_a_new_export_is_in_the_help():
    assert "voxels Count voxels." in run("export", "--help")
    text = run("export", "voxels", "--help")
    assert "OUT <path> File to write." in text
    assert "--label <int range> [x>=1] Value of the class. [default: 1]" in text
    assert "Example: napari-mcwss export voxels my-study --model first voxels.txt" in text


@pytest.mark.parametrize(("options", "label"), [((), 1), (("--label", 2), 2)])
def test_a_new_export_runs_with_its_options(segmented_study, tmp_path, options, label):
    study, name, out = segmented_study, segmented_study.scan_names[0], tmp_path / "voxels.txt"
    own = ("--model", "model-1", "--scans", name)
    run("mask", study.folder, *own, "--threshold", "0.45")
    said = run("export", "voxels", study.folder, out, *own, *options)
    count = np.count_nonzero(load_mask(study, "model-1", name) == label)
    assert count > 0
    assert out.read_text() == f"{name} {count}\n"
    assert said.endswith("1 scan")


def test_every_export_is_a_command_and_none_other():
    assert [command.name for command in export_app.registered_commands] == list(EXPORTS)


@pytest.mark.parametrize("kind", [*EXPORTS.values(), VOXELS], ids=lambda kind: kind.name)
def test_forms_can_be_made_of_the_options(kind):
    from magicgui.type_map import get_widget_class

    for option in kind.options:
        if option.name not in ("values", "unions"):  # A form has a row for each class there.
            _, settings = get_widget_class(annotation=option.annotation)
            assert settings["tooltip"].endswith(".")
