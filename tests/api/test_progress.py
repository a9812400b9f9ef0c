"""What a bar prints is what is there, whatever it is called."""

from pathlib import Path

from napari_mcwss.api.progress import progress_bar, show_batch, show_events
from napari_mcwss.segmentation.batch_progress import ScanDone, ScanProgress
from napari_mcwss.training.events import Finished, Message

ODD = "[/bold] [red]:skull: {x}"


def test_a_training_in_a_folder_with_brackets_ends_well(capsys):
    def events():
        yield Message(f"reading {ODD}")
        yield Finished("m", Path("studies") / ODD, 1, 2.0)

    with progress_bar() as bar:
        show_events(bar, events())
    assert ODD in capsys.readouterr().err.replace("\n", " ")


def test_problems_of_a_scan_are_printed_as_they_are(capsys):
    def steps():
        yield ScanProgress("p1", 1, 1, 0, 2)
        yield ScanDone("p1", problem=f"'{ODD}' does not exist")
        return []

    with progress_bar() as bar:
        show_batch(bar, steps())
    assert ODD in capsys.readouterr().err.replace("\n", " ")
