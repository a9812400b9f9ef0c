"""Lists whose texts may be long do not make a dock wide."""

import pytest
from qtpy.QtWidgets import QComboBox

from napari_mcwss.plugin.shared.elided_combo_box import ElidedComboBox

pytestmark = pytest.mark.gui
LONG = "model-1 (stopped in epoch 1 of 37, tumour core and oedema not told apart)"


@pytest.fixture
def box(qtbot) -> ElidedComboBox:
    box = ElidedComboBox("Which model")
    qtbot.addWidget(box)
    box.addItems(["short", LONG])
    # Not shown: the focus that comes and goes would change its pictures.
    box.resize(160, 30)
    return box


def test_it_is_as_narrow_as_without_a_long_text(box, qtbot):
    plain = QComboBox()
    qtbot.addWidget(plain)
    plain.addItem(LONG)
    assert box.minimumSizeHint().width() < 200 < plain.minimumSizeHint().width()


def test_a_text_that_does_not_fit_is_shown_whole_as_the_tooltip(box):
    box.setCurrentIndex(1)
    assert box.toolTip() == f"Which model\n{LONG}"


def test_a_text_that_does_not_fit_ends_with_an_ellipsis(box, qtbot):
    box.setCurrentIndex(1)
    cut = box.grab().toImage()
    box.setItemText(1, LONG[:40])
    assert box.grab().toImage() == cut, "what is cut off is not seen"
    box.setItemText(1, "model-1")
    assert box.grab().toImage() != cut
    plain = QComboBox()
    qtbot.addWidget(plain)
    plain.addItem(LONG)
    plain.resize(box.size())
    assert plain.grab().toImage() != cut, "a plain one cuts it off without a sign"
