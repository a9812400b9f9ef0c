"""Results and corrected masks of studies whose classes change."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.measurement.compare_masks import compare_masks, missed_in_rows
from napari_mcwss.measurement.sources import MaskSource
from napari_mcwss.model.checkpoint import load_model, read_info
from napari_mcwss.segmentation import corrected, results
from napari_mcwss.segmentation.corrected import (
    CorrectedMask,
    read_corrected,
    right_scans,
    save_corrected,
)
from napari_mcwss.segmentation.masks.settings import MaskSettings
from napari_mcwss.segmentation.masks.volume_ranges import parse_ranges
from napari_mcwss.segmentation.results import (
    load_mask,
    load_result,
    load_scores,
    stored_settings,
)
from napari_mcwss.segmentation.segment import remake_mask, segment_scan, study_precedence
from napari_mcwss.segmentation.study_classes import renumbered
from napari_mcwss.study.model_states import model_states

SCAN = "phantom01"


class TestResults:
    @pytest.fixture
    def before(self, segmented) -> dict[str, np.ndarray]:
        mask = load_mask(segmented, "model-1", SCAN)
        return {name: mask == label for label, name in enumerate(segmented.class_names, 1)}

    def test_reordered_and_renamed_classes_keep_mask_cams_and_scores(self, segmented, before):
        found = load_result(segmented, "model-1", SCAN)
        segmented.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        mask, now = load_mask(segmented, "model-1", SCAN), load_result(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 1, before["ED"])
        assert np.array_equal(mask == 2, before["TC"])
        assert now.classes == ("oedema", "TC")
        assert np.array_equal(now.cams, found.cams[::-1])
        assert np.array_equal(load_scores(segmented, "model-1", SCAN), found.scores[:, ::-1])
        assert read_info(segmented.model_folder("model-1")).classes == ("TC", "ED")

    def test_a_mask_made_anew_has_the_labels_of_now(self, segmented, before):
        segmented.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        info = read_info(segmented.model_folder("model-1"))
        assert study_precedence(segmented, info).tolist() == [[False, False], [True, False]]
        remake_mask(segmented, "model-1", info, SCAN, MaskSettings(steps=()))
        segmented.change_classes(["TC", "oedema"])
        mask = load_mask(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 1, before["TC"])
        assert np.array_equal(mask == 2, before["ED"])

    def test_a_model_does_not_know_a_class_that_was_added(self, segmented, before):
        segmented.change_classes(["necrosis", "TC", "ED"])
        found = load_result(segmented, "model-1", SCAN)
        assert found.unknown == ("necrosis",)
        assert not found.cams[0].any()
        assert np.isnan(found.scores[:, 0]).all()
        assert np.array_equal(load_mask(segmented, "model-1", SCAN) == 2, before["TC"])
        (state,) = model_states(segmented)
        assert state.label == "model-1 (without necrosis)"
        assert state.finished

    def test_a_removed_class_is_background_until_it_is_back(self, segmented, before):
        segmented.change_classes(["ED"])
        mask = load_mask(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 1, before["ED"])
        assert mask.max() == 1
        segmented.add_classes(["TC"])
        mask = load_mask(segmented, "model-1", SCAN)
        assert np.array_equal(mask == 2, before["TC"])

    def test_volume_ranges_of_a_stored_mask_follow_the_name(self, segmented):
        info = read_info(segmented.model_folder("model-1"))
        settings = MaskSettings(volumes=parse_ranges(["ED=:60"], segmented.class_names), steps=())
        remake_mask(segmented, "model-1", info, SCAN, settings)
        segmented.change_classes(["TC", "oedema"], renamed={"ED": "oedema"})
        assert list(stored_settings(segmented, "model-1", SCAN)["volumes"]) == ["oedema"]

    def test_a_corrected_mask_follows_the_order_of_classes(self, segmented):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        labels[0], labels[1] = 1, 2
        save_corrected(segmented, SCAN, CorrectedMask(labels, right=True))
        segmented.change_classes(["oedema", "TC"], renamed={"ED": "oedema"})
        found = read_corrected(segmented, SCAN)
        assert found.right
        assert (found.labels[0] == 2).all()
        assert (found.labels[1] == 1).all()
        save_corrected(segmented, SCAN, found)
        segmented.change_classes(["TC", "oedema"])
        assert np.array_equal(read_corrected(segmented, SCAN).labels, labels)

    def test_what_was_painted_for_a_removed_class_comes_back(self, segmented):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        labels[1], labels[2] = 2, 2
        save_corrected(segmented, SCAN, CorrectedMask(labels))
        segmented.change_classes(["TC"])
        found = read_corrected(segmented, SCAN)
        assert not found.labels.any()
        found.labels[2] = 1
        for _ in range(2):
            save_corrected(segmented, SCAN, found)
        segmented.change_classes(["ED", "TC"])
        now = read_corrected(segmented, SCAN).labels
        assert (now[1] == 1).all()
        assert (now[2] == 2).all()

    def test_results_of_classes_that_are_all_removed_are_refused(self, segmented):
        segmented.change_classes(["necrosis"])
        with pytest.raises(McwssError, match="made for the classes TC, ED, found necrosis"):
            load_result(segmented, "model-1", SCAN)

    def test_a_mask_without_a_class_that_is_back_has_no_settings(self, segmented):
        info = read_info(segmented.model_folder("model-1"))
        segmented.change_classes(["ED"])
        remake_mask(segmented, "model-1", info, SCAN, MaskSettings())
        assert stored_settings(segmented, "model-1", SCAN)
        segmented.add_classes(["TC"])
        assert stored_settings(segmented, "model-1", SCAN) == {}
        remake_mask(segmented, "model-1", info, SCAN, MaskSettings())
        assert stored_settings(segmented, "model-1", SCAN)
        assert (load_mask(segmented, "model-1", SCAN) == 2).any()

    def test_classes_do_not_change_while_a_scan_is_segmented(self, segmented):
        model = load_model(segmented.model_folder("model-1"), device="cpu")
        steps = segment_scan(segmented, "model-1", model, SCAN)
        next(steps)
        segmented.change_classes(["ED", "TC"])
        with pytest.raises(McwssError, match="changed meanwhile"):
            list(steps)

    def test_a_class_that_was_not_learnt_is_not_missed(self, segmented):
        segmented.add_classes(["necrosis"])
        source = MaskSource.of_model(segmented, "model-1")
        found = compare_masks(segmented, segmented.scan_names[:2], [source])
        rows = [row for comparison in found for row in comparison.rows]
        assert not missed_in_rows(segmented, source, rows)


class TestFailedWrites:
    """Neither a full disk nor a kill lets labels change their meaning."""

    @staticmethod
    def fail(monkeypatch, module, name, call):
        """Let a call of a function fail, counted from 0, and all after it."""
        write, calls = getattr(module, name), []

        def fails(*arguments, **options):
            calls.append(1)
            if len(calls) > call:
                raise McwssError("the disk is full")
            write(*arguments, **options)

        monkeypatch.setattr(module, name, fails)

    @pytest.mark.parametrize("name", ["_write_record", "write_volume"])
    @pytest.mark.parametrize("call", [0, 1])
    def test_a_corrected_mask_keeps_its_meaning(self, segmented, monkeypatch, name, call):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        labels[0], labels[1] = 1, 2
        save_corrected(segmented, SCAN, CorrectedMask(labels, right=True))
        segmented.change_classes(["necrosis", "ED", "TC"])
        before = read_corrected(segmented, SCAN)
        self.fail(monkeypatch, corrected, name, call)
        if call == 0 or name == "_write_record":
            with pytest.raises(McwssError):
                save_corrected(segmented, SCAN, CorrectedMask(before.labels, right=True))
        found = read_corrected(segmented, SCAN)
        assert np.array_equal(found.labels, before.labels)
        assert not found.right

    @pytest.mark.parametrize("name", ["_write_record", "write_volume"])
    @pytest.mark.parametrize("call", [0, 1])
    def test_a_mask_of_a_model_keeps_its_meaning(self, segmented, monkeypatch, name, call):
        segmented.change_classes(["ED", "TC"])
        before = load_mask(segmented, "model-1", SCAN)
        info = read_info(segmented.model_folder("model-1"))
        self.fail(monkeypatch, results, name, call)
        settings = MaskSettings(steps=())
        if call == 0 or name == "_write_record":
            with pytest.raises(McwssError):
                remake_mask(segmented, "model-1", info, SCAN, settings)
        try:
            assert np.array_equal(load_mask(segmented, "model-1", SCAN), before)
        except McwssError as error:
            assert "make it anew" in str(error)  # noqa: PT017
        monkeypatch.undo()
        remake_mask(segmented, "model-1", info, SCAN, settings)
        assert np.array_equal(load_mask(segmented, "model-1", SCAN), before)

    @pytest.mark.parametrize("call", range(4))
    def test_a_scan_that_is_segmented_again_keeps_its_meaning(self, segmented, monkeypatch, call):
        segmented.change_classes(["ED", "TC"])
        before = load_mask(segmented, "model-1", SCAN)
        found = load_result(segmented, "model-1", SCAN)
        run = read_info(segmented.model_folder("model-1")).run
        self.fail(monkeypatch, results, "write_volume" if call < 3 else "_write_record", call % 3)
        geometry, mask = segmented.scan(SCAN).geometry, before.astype(np.uint8)
        given = segmented, "model-1", run, found, mask, MaskSettings(), geometry
        with pytest.raises(McwssError):
            results.save_result(*given)
        with pytest.raises(McwssError, match="segment it first"):
            load_mask(segmented, "model-1", SCAN)


class TestLabels:
    def test_a_mask_is_not_right_for_a_class_that_was_added_later(self, segmented):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        save_corrected(segmented, SCAN, CorrectedMask(labels, right=True))
        assert right_scans(segmented) == [SCAN]
        segmented.add_classes(["necrosis"])
        assert right_scans(segmented) == []
        assert not read_corrected(segmented, SCAN).right

    def test_labels_of_no_class_stay_so(self, segmented):
        labels = np.zeros(segmented.scan(SCAN).geometry.shape, np.uint8)
        labels[0], labels[1] = 3, 9
        save_corrected(segmented, SCAN, CorrectedMask(labels))
        segmented.add_classes(["necrosis"])
        assert np.unique(read_corrected(segmented, SCAN).labels).tolist() == [0, 4, 10]
        segmented.change_classes(["TC"])
        found = read_corrected(segmented, SCAN)
        assert np.unique(found.labels).tolist() == [0, 2, 8]
        save_corrected(segmented, SCAN, found)
        assert np.array_equal(read_corrected(segmented, SCAN).labels, found.labels)

    def test_labels_that_are_huge_or_negative_are_no_class(self):
        labels = np.array([[[-1, 0, 1, 2, 3, 2**31 - 1]]], np.int32)
        found = renumbered(labels, ["a", "b"], ["c", "b", "a"])
        assert found.tolist() == [[[-1, 0, 3, 2, 4, 2**31 - 1]]]
