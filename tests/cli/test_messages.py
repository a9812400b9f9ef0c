"""What the command line says of mistyped numbers, and what comes before an error."""

import pytest

from napari_mcwss.cli.options import Map, OrderMap


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--minutes", "-1", "--minutes -1: expected more than 0"),
        ("--minutes", "inf", "--minutes inf: expected a finite number"),
        ("--epochs", "0", "--epochs 0: expected at least 1"),
        ("--width", "1000", "--width 1000: expected at most 256"),
        ("--batch-size", "3", "--batch-size 3: expected a multiple of 2"),
    ],
)
def test_a_number_out_of_range_is_told_with_its_option(
    refused, tagged_study, option, value, expected
):
    line = refused("train", tagged_study.folder, "--model", "m", option, value)
    assert line == f"error: {expected}"


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_no_empty_line_comes_before_the_error_of_a_training(run, phantom_study, options):
    code, _, err = run("train", phantom_study.folder, "--model", "m", *options)
    assert code == 2
    assert err.startswith("error: no slice of phantom01")


def test_no_empty_line_comes_before_the_error_of_a_demo(run, tmp_path):
    (tmp_path / "thesis.txt").touch()
    code, _, err = run("demo", "--out", tmp_path)
    assert code == 2
    assert err.startswith("error: ")


@pytest.mark.parametrize("command", ["threshold", "evaluate", "measure", "train"])
def test_masks_need_no_map_and_the_help_says_what_counts_without(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    said = " ".join(out.replace("│", " ").split())
    values = Map if command in ("threshold", "evaluate") else OrderMap
    about = values.__metadata__[0].help.partition(". ")[2]
    assert about.startswith("Without it, ")
    assert about in said
