import base64
import io
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers.in_memory import evaluation_of
from PIL import Image

from napari_mcwss.export import pictures
from napari_mcwss.export.chart import HEIGHT, WIDTH, chart_of
from napari_mcwss.export.report import ReportScan, draw_scan, write_report
from napari_mcwss.measurement.evaluation import Evaluation
from napari_mcwss.measurement.measure import EMPTY_MASK_POLICY

CLASSES = {"TC": "#e69f00", "ED": "#56b4e9"}
SHAPE = (5, 40, 30)
SPACING = (4.0, 1.0, 2.0)


def lesion() -> np.ndarray:
    """Two classes on the right of the array, most on slice 2."""
    references = np.zeros((2, *SHAPE), bool)
    references[0, 2, 10:14, 20:24] = True
    references[1, 1:4, 8:16, 19:26] = True
    references[1] &= ~references[0]
    return references


def scan(references: np.ndarray | None = None, *, name: str = "a", **changes) -> ReportScan:
    rng = np.random.default_rng(0)
    volume = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    found = lesion()
    mask = np.where(found[0], 1, np.where(found[1], 2, 0)).astype(np.uint8)
    values = {
        "name": name,
        "channels": ("t1c", "flair"),
        "volume": volume,
        "cams": found.astype(np.float32),
        "mask": mask,
        "references": references,
        "spacing": SPACING,
        "background": "flair",
    }
    return ReportScan(**(values | changes))


class Page(HTMLParser):
    """The pictures of a page by their texts, and everything that it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: dict[str, Image.Image] = {}
        self.references: list[str] = []
        self.text = ""
        self.feed(text)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.references += [values[key] or "" for key in ("src", "href") if key in values]
        if tag == "img":
            kind, data = (values["src"] or "").split(",")
            assert kind == "data:image/png;base64"
            self.images[values["alt"] or ""] = Image.open(io.BytesIO(base64.b64decode(data)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def written(
    folder: Path,
    *scans: ReportScan,
    classes: Mapping[str, str] = CLASSES,
    evaluation: Evaluation | None = None,
    **changes,
) -> Page:
    path = folder / "report.html"
    values = {
        "title": "A report",
        "summary": "What it shows.",
        "missed": (),
        "training": {"Epochs": "12"},
        "losses": {"total": [2.0, 1.0, 0.5]},
    }
    sections = [draw_scan(scan, classes) for scan in scans]
    write_report(path, classes=classes, scans=sections, evaluation=evaluation, **(values | changes))
    return Page(path.read_text(encoding="utf-8"))


def test_every_picture_is_there(tmp_path):
    page = written(tmp_path, scan(lesion()))
    captions = ["t1c", "flair", "CAM TC", "CAM ED", "mask", "reference"]
    assert list(page.images) == [f"a, slice {n}: {c}" for n in (1, 2, 3) for c in captions]
    for text in ("slice 2 (0 to 4)", "TC", "ED", "20 mm", "Not a medical device."):
        assert text in page.text


def test_the_page_needs_no_other_file(tmp_path):
    page = written(tmp_path, scan(lesion()))
    assert all(reference.startswith("data:") for reference in page.references)
    assert not re.search(r"https?:|url\(|@import", (tmp_path / "report.html").read_text())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_pictures_keep_the_proportions_of_the_patient(tmp_path):
    # The noise fills the scan: 40 rows of 1 mm, 30 columns of 2 mm.
    picture = written(tmp_path, scan(lesion())).images["a, slice 2: t1c"]
    assert picture.width / picture.height == pytest.approx(60 / 40, rel=0.01)
    assert picture.width == pictures.PIXELS


def test_overlays_lie_where_the_lesion_is_and_in_its_colour(tmp_path):
    page = written(tmp_path, scan(lesion()))
    for caption in ("CAM TC", "mask", "reference"):
        picture = np.asarray(page.images[f"a, slice 2: {caption}"]).astype(int)
        colourful = np.ptp(picture, axis=-1) > 40
        rows, columns = np.nonzero(colourful)
        assert columns.mean() > 0.65 * picture.shape[1], "left and right are swapped"
        assert rows.mean() < 0.4 * picture.shape[0], "front and back are swapped"
        core = picture[int(0.3 * picture.shape[0]), int(22 / 30 * picture.shape[1])]
        assert core[0] > core[2] + 40, "the core is not orange"


def test_a_scan_without_reference_has_no_truth(tmp_path):
    page = written(tmp_path, scan(None))
    assert len(page.images) == 15
    assert not any("reference" in text for text in page.images)


def test_nothing_found_and_nothing_there_shows_the_middle_slice(tmp_path):
    nothing = scan(
        np.zeros((2, *SHAPE), bool),
        mask=np.zeros(SHAPE, np.uint8),
        volume=np.zeros((2, *SHAPE), np.float32),
    )
    assert {text.split(":")[0] for text in written(tmp_path, nothing).images} == {"a, slice 2"}


def test_a_single_picture_claims_no_size_and_no_side(tmp_path):
    flat = ReportScan(
        name="photo",
        channels=("grey",),
        volume=np.random.default_rng(0).random((1, 1, 20, 30), np.float32),
        cams=np.ones((1, 1, 20, 30), np.float32),
        mask=np.ones((1, 20, 30), np.uint8),
        references=None,
        spacing=(1.0, 1.0, 1.0),
        background="grey",
        in_mm=False,
    )
    page = written(tmp_path, flat, classes={"crack": "#e69f00"})
    assert list(page.images) == [f"photo, slice 0: {c}" for c in ("grey", "CAM crack", "mask")]
    assert not re.search(r"\bmm\b|\bmL\b|\bR L\b|patient's right", page.text.split("Training")[0])


def test_a_stack_of_pictures_claims_no_size_and_no_side(tmp_path):
    page = written(tmp_path, scan(None, in_mm=False))
    assert not re.search(r"\bmm\b|\bmL\b|\bR L\b|patient's right", page.text.split("Training")[0])
    assert "TC: on 1 slice ED: on 3 slices" in page.text


def test_measurements_and_baselines_are_told_with_their_policy(tmp_path):
    report_scan = scan(lesion())
    evaluation = evaluation_of(
        {"a": report_scan.mask}, lesion(), list(CLASSES), SPACING, unions={"WT": list(CLASSES)}
    )
    text = written(tmp_path, report_scan, evaluation=evaluation).text
    assert "a TC 1.000 0.0 0.0 1.000 1.000" in text
    assert "mean TC 1.000" in text
    assert "empty mask TC 0.000" in text
    assert EMPTY_MASK_POLICY in text


def test_a_table_has_a_row_for_each_scan_with_the_volume_of_each_class(tmp_path):
    corrected = scan(
        name="b", mask=np.zeros(SHAPE, np.uint8), tagged=4, learnt=True, corrected=True
    )
    text = written(tmp_path, scan(tagged=5), corrected).text
    assert "Scan Slices Tagged Trained on Corrected TC mL ED mL" in text
    # 16 voxels of 8 mm3 on one slice, and 56 on two others and 40 on this one.
    assert "a 5 5 no no 0.1 1.2" in text
    assert "b 5 4 yes yes 0.0 0.0" in text


def test_means_and_baselines_stay_below_the_scans_that_are_sorted(tmp_path):
    report_scan = scan(lesion())
    evaluation = evaluation_of({"a": report_scan.mask}, lesion(), list(CLASSES), SPACING)
    written(tmp_path, report_scan, evaluation=evaluation)
    page = (tmp_path / "report.html").read_text("utf-8")
    sorted_part = page[page.index("<h2>Measurements") :].partition("<tfoot>")[0]
    assert sorted_part.count("<td>a</td>") == 2
    assert "mean" not in sorted_part
    assert page.count('<table class="sortable">') == 2
    assert re.search(r"<tfoot>.*<td>mean</td>.*<td>empty mask</td>.*</tfoot>", page, re.DOTALL)


def test_losses_and_validation_have_curves_of_their_own(tmp_path):
    validation, details = {"TC": [0.6, 0.9], "ED": [0.7, 0.8]}, {"seed": "3"}
    text = written(tmp_path, scan(), validation=validation, details=details).text
    assert "Loss by epoch" in text
    assert "AUC on validation scans by epoch" in text
    assert "TC: 0.900 at the end" in text
    assert "seed: 3" in text


def test_names_cannot_break_the_page(tmp_path):
    page = written(tmp_path, scan(lesion(), name='<script>"&'), title="<b>bold</b>")
    assert '<script>"&, slice 2: mask' in page.images
    assert "<b>bold</b>" in page.text


def test_training_may_be_left_out(tmp_path):
    page = written(tmp_path, scan(lesion()), training={}, losses={})
    assert "Training" not in page.text


class TestTellingSlices:
    def test_the_largest_is_among_them_and_they_are_spread(self):
        mask = np.zeros((20, 10, 10), bool)
        for z in range(4, 16):
            mask[z, : 10 - abs(z - 9)] = True
        chosen = pictures.telling_slices(mask, 3)
        assert chosen == [6, 9, 12]

    def test_there_may_be_fewer(self):
        mask = np.zeros((20, 10, 10), bool)
        mask[6, 2, 2] = True
        assert pictures.telling_slices(mask, 3) == [6]


class TestGrey:
    def test_the_outside_is_black_though_tissue_lies_below_it(self):
        channel = np.zeros((1, 10, 10), np.float32)
        channel[0, 2:8, 2:8] = np.linspace(-3, 3, 36).reshape(6, 6)
        shown = pictures.grey(channel, [0])[0]
        assert (shown[channel[0] == 0] == 0).all()
        assert (shown[2:8, 2:8] > 0).all()
        assert shown[7, 7] == 255

    def test_outliers_do_not_darken_the_rest(self):
        channel = np.random.default_rng(0).random((4, 30, 30), np.float32)
        channel[2, 15, 15] = 1e6
        assert pictures.grey(channel, [1]).mean() > 100

    def test_a_constant_channel_is_black(self):
        assert not pictures.grey(np.ones((2, 4, 4), np.float32), [0, 1]).any()


def test_the_patient_box_leaves_the_surroundings_out():
    volume = np.zeros((1, 3, 50, 60), np.float32)
    volume[0, 1, 20:30, 25:45] = -1
    assert pictures.patient_box(volume) == (slice(17, 33), slice(22, 48))


def test_a_smaller_mask_is_drawn_over_a_larger_one():
    masks = np.zeros((2, 1, 20, 20), bool)
    masks[0, 0, 8:12, 8:12] = True
    masks[1, 0, 2:18, 2:18] = True
    drawn = pictures.with_masks(np.zeros((1, 20, 20), np.uint8), masks, ["#ff0000", "#0000ff"])
    assert drawn[0, 8, 8].tolist() == [255, 0, 0]
    assert drawn[0, 2, 2].tolist() == [0, 0, 255]
    assert drawn[0, 0, 0].tolist() == [0, 0, 0]


class TestLossChart:
    def test_curves_fill_the_plot(self):
        chart = chart_of({"total": [2.0, 1.0, 0.0], "other": [1.0, 1.0, 1.0]})
        assert chart is not None
        assert [curve.name for curve in chart.curves] == ["total", "other"]
        points = [p.split(",") for p in chart.curves[0].points.split()]
        assert [float(x) for x, _ in points] == [0, WIDTH / 2, WIDTH]
        assert [float(y) for _, y in points] == [0, HEIGHT / 2, HEIGHT]
        assert [text for _, text in chart.x_ticks] == ["1", "2", "3"]
        assert {text for _, text in chart.y_ticks} >= {"0", "1", "2"}

    def test_what_is_not_finite_is_left_out(self):
        chart = chart_of({"total": [float("nan"), 2.0, 1.0], "broken": [float("inf")] * 3})
        assert chart is not None
        assert [(c.name, c.last) for c in chart.curves] == [("total", 1.0)]

    def test_a_single_value_of_one_stage_is_no_curve_among_the_epochs_of_another(self):
        chart = chart_of({"total": [3.0, 2.0, 1.0], "regions": [0.5, *[float("nan")] * 2]})
        assert chart is not None
        assert [curve.name for curve in chart.curves] == ["total"]

    @pytest.mark.parametrize("losses", [{}, {"total": []}, {"total": [float("nan")]}, {"a": [1.0]}])
    def test_nothing_gives_no_chart(self, losses):
        assert chart_of(losses) is None

    @pytest.mark.parametrize("values", [[0.0, 0.0], [1e-7, 2e-7], [5e4, 1.0], [1.0] * 500])
    def test_any_range_and_length_stays_inside(self, values):
        chart = chart_of({"total": values})
        assert chart is not None
        numbers = [float(v) for p in chart.curves[0].points.split() for v in p.split(",")]
        assert min(numbers) >= 0
        assert max(numbers) <= WIDTH
        assert 2 <= len(chart.y_ticks) <= 6
        assert len(chart.x_ticks) <= 6
