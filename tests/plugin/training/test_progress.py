"""What a training shows of its progress."""

from dataclasses import replace

import pytest
from napari.utils.theme import get_theme
from qtpy.QtGui import QColor

from napari_mcwss.plugin.training.curves import Curves
from napari_mcwss.plugin.training.progress import TrainingProgress
from napari_mcwss.training.events import Advice, Batch, Epoch, Started
from napari_mcwss.training.features.choice import choose

pytestmark = pytest.mark.gui

CLASSES = {"TC": "#f0e442", "ED": "#0072b2"}


@pytest.fixture
def progress(qtbot) -> TrainingProgress:
    made = TrainingProgress("dark")
    qtbot.addWidget(made)
    made.begin(CLASSES, "")
    return made


def batch(epoch: int, **more: object) -> Batch:
    return Batch(epoch, 1, 10, {"total": 1.0}, 0.5, 120.0, **more)


def test_the_epoch_is_told_with_their_number(progress):
    progress.show_event(Started("first", "cpu", ("a",), (), 20, 10))
    progress.show_event(batch(9))
    assert progress.news == "Epoch 9 of 10: about 2 minutes left"
    progress.show_event(Started("first", "cpu", ("a",), (), 20, None))
    progress.show_event(batch(9, open_ended=True))
    assert progress.news == "Epoch 9: 2 minutes left once it stops improving"
    progress.show_event(replace(batch(1), seconds_left=None))
    assert progress.news == "Epoch 1: another stage may follow"


def test_names_keep_their_letters_and_the_choice_of_a_preset_is_no_warning(progress):
    choice = choose({"TC": 0.95}, {"TC": 0.93})
    assert choice.smaller
    for text in ("pat0001 is the only scan with tags", choice.reason):
        progress.show_event(Advice(text))
    advice, taken = progress.advice.text().splitlines()
    assert advice == "⚠ pat0001 is the only scan with tags."
    assert taken == f"{choice.reason}."
    for aucs in ({"TC": 0.6}, {"ED": 0.9}):
        progress.begin(CLASSES, "")
        progress.show_event(Advice(choose({"TC": 0.95}, aucs).reason))
        assert progress.advice.text().startswith("auto chose features: ")


def test_a_jump_of_the_loss_is_explained_where_it_is(progress):
    for epoch in (1, 2):
        progress.show_event(Epoch(epoch, {"total": 1.0, "classification": 1.0}, {}))
    assert not progress.curves.phases.text()
    for epoch in (3, 4):
        progress.show_event(Epoch(epoch, {"total": 9.0, "contrast": 9.0}, {}))
    (line,) = progress.curves.phases.text().splitlines()
    assert line.startswith("From epoch 3 on, the loss is computed in another way (it")
    assert "tells apart" in line
    progress.begin(CLASSES, "")
    assert not progress.curves.phases.text()


def contrast(one: QColor, other: QColor) -> float:
    """Return the ratio of luminances, 1..21, as WCAG defines it."""

    def luminance(colour: QColor) -> float:
        parts = [colour.redF(), colour.greenF(), colour.blueF()]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("themes", [("dark", "light"), ("light", "dark"), ("light",), ("dark",)])
def test_all_curves_are_seen_in_each_theme(qtbot, themes):
    curves = Curves(themes[0])
    qtbot.addWidget(curves)
    curves.clear(CLASSES)
    terms = dict.fromkeys(("total", "classification", "extent", "contrast", "dice", "more"), 1.0)
    curves.add_epoch(1, terms, dict.fromkeys(CLASSES, 0.5))
    for theme in themes[1:]:
        curves.set_theme(theme)
    ground = QColor(get_theme(themes[-1]).background.as_hex())
    for name, line in curves.lines.items():
        colour = line.opts["pen"].color()
        assert contrast(colour, ground) > 2, name
        assert colour.name() in curves.legend.text()
