"""Two trainings over each other."""

import csv
from collections.abc import Iterator

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_mcwss.model.checkpoint import ModelInfo
from napari_mcwss.plugin.training.run_comparison import RunComparison
from napari_mcwss.study.study import Study

pytestmark = pytest.mark.gui
PATIENCE = 60_000


def write_run(study: Study, name: str, pixel: float, rows: list[dict[str, float | str]]) -> None:
    folder = study.model_folder(name)
    folder.mkdir(parents=True)
    info = ModelInfo(
        preset="local",
        classes=study.class_names,
        channels=study.channels,
        width=2,
        pixel=pixel,
        precedence=((False, False), (False, False)),
        scans=study.scan_names,
        epochs=len(rows),
        training={"seed": 0, "pixel": pixel},
        seconds=60 * pixel,
        processes=2 if name == "c" else 1,
        backend="gloo" if name == "c" else "",
    )
    (folder / "config.json").write_text(info.model_dump_json())
    with (folder / "history.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def comparison(qtbot, phantom_study: Study) -> Iterator[RunComparison]:
    parent = QWidget()
    qtbot.addWidget(parent)
    for index, name in enumerate(("a", "b", "c")):
        rows = [
            {"epoch": epoch, "total": index + 1 / epoch, "contrast": "", "auc_TC": 0.1 * epoch}
            for epoch in range(1, 4 + index)
        ]
        write_run(phantom_study, name, 1.0 + index, rows)
    made = RunComparison(parent, phantom_study, "dark")
    with qtbot.waitExposed(made, timeout=PATIENCE):
        made.show()
    yield made
    parent.close()  # it lives as long as its parent, which lives until here


def shown(comparison: RunComparison, line: str) -> list[float]:
    found = comparison.curves.lines.get(line)
    return [] if found is None else [round(float(y), 2) for y in found.getData()[1]]


def facts(comparison: RunComparison) -> dict[str, tuple[str, str]]:
    table = comparison.facts
    rows = range(table.rowCount())
    text = [[table.item(row, column).text() for column in range(3)] for row in rows]
    return {name: (one, other) for name, one, other in text}


def choose(qtbot, box, name: str) -> None:
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.findText(name)):
        qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.currentText() == name


def test_the_two_chosen_trainings_lie_over_each_other(qtbot, comparison):
    choose(qtbot, comparison.first, "a")
    choose(qtbot, comparison.second, "c")
    qtbot.waitUntil(lambda: len(shown(comparison, "total beside")) == 5, timeout=PATIENCE)
    assert shown(comparison, "total") == [1.0, 0.5, 0.33]
    assert shown(comparison, "total beside") == [3.0, 2.5, 2.33, 2.25, 2.2]
    assert shown(comparison, "AUC TC") == [0.1, 0.2, 0.3]
    assert "contrast" not in comparison.curves.lines, "what a stage leaves blank is no point"
    style = comparison.curves.lines["total beside"].opts["pen"].style()
    assert style == Qt.PenStyle.DashLine
    assert comparison.curves.legend.text().count("total") == 1
    found = facts(comparison)
    assert found["pixel"] == ("1.0", "3.0")
    assert found["epochs trained"] == ("3", "5")
    assert found["seconds"] == ("60", "180")
    assert found["processes"] == ("1", "2")
    assert found["backend"] == ("", "gloo")
    assert "seed" not in found, "it is the same in both"
    choose(qtbot, comparison.second, "b")
    qtbot.waitUntil(lambda: len(shown(comparison, "total beside")) == 4, timeout=PATIENCE)
    assert facts(comparison)["pixel"] == ("1.0", "2.0")


def test_a_damaged_history_is_told_in_one_line(qtbot, comparison, phantom_study, told):
    (phantom_study.model_folder("b") / "history.csv").write_text("epoch,total\n1,much\n")
    choose(qtbot, comparison.first, "b")
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert "history.csv' cannot be read as the history" in told[0].message
    choose(qtbot, comparison.first, "a")
    choose(qtbot, comparison.second, "c")
    qtbot.waitUntil(lambda: shown(comparison, "total") == [1.0, 0.5, 0.33], timeout=PATIENCE)


def test_a_model_without_a_history_has_facts_alone(qtbot, comparison, phantom_study):
    (phantom_study.model_folder("a") / "history.csv").unlink()
    choose(qtbot, comparison.second, "b")
    choose(qtbot, comparison.first, "a")
    qtbot.waitUntil(
        lambda: not shown(comparison, "total") and bool(shown(comparison, "total beside")),
        timeout=PATIENCE,
    )
    assert facts(comparison)["pixel"] == ("1.0", "2.0")
