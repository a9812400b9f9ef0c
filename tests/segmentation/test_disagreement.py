"""The way from scan to scan where tags and scores contradict each other."""

from napari_mcwss.segmentation.disagreement import first_disagreement
from napari_mcwss.segmentation.results import SCORES, load_scores
from napari_mcwss.tags.table import Tag


def contradict(study, scan: str, index: int) -> None:
    said = load_scores(study, "model-1", scan)[index, 0] >= 0.5
    study.tags.change(scan, index, "TC", Tag.ABSENT if said else Tag.PRESENT)


def agree(study, scan: str) -> None:
    table = study.tags.read(scan)
    table.values[:] = load_scores(study, "model-1", scan) >= 0.5
    study.tags.write({scan: table})


def test_the_first_contradiction_is_found_past_scans_without_and_scans_not_segmented(
    segmented_study,
):
    study = segmented_study
    first, second, *others = study.scan_names
    for scan in (first, second):
        agree(study, scan)
    order = (*others, first, second)
    assert first_disagreement(study, "model-1", order) is None
    contradict(study, second, 6)
    contradict(study, second, 3)
    assert first_disagreement(study, "model-1", order) == (second, 3)
    contradict(study, first, 5)
    assert first_disagreement(study, "model-1", order) == (first, 5)
    (study.result_folder("model-1", first) / SCORES).write_text("damaged")
    assert first_disagreement(study, "model-1", order) == (second, 3)
    assert first_disagreement(study, "no-such-model", order) is None
