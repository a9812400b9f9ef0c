"""Masks of one source, evaluated against reference masks."""

import csv
import math
import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.files import replacing
from napari_mcwss.base.generators import Returning
from napari_mcwss.base.text import names_text
from napari_mcwss.measurement.class_masks import ClassValues, as_tuples
from napari_mcwss.measurement.compare_masks import (
    EMPTY,
    PRIOR,
    Row,
    Value,
    compare_masks,
    mean_dice,
    missed_in_rows,
)
from napari_mcwss.measurement.measure import MEASURES, Measurement
from napari_mcwss.measurement.references import ReferenceMasks
from napari_mcwss.measurement.sources import MaskSource
from napari_mcwss.study.study import Study

BASELINES = {EMPTY: "empty", PRIOR: "location_prior"}
"""Names of the baselines in tables, and in JSON."""


@dataclass(frozen=True)
class Evaluation:
    """The measurements of all scans, and what the baselines score on them.

    Attributes
    ----------
    rows : tuple of Row
        One per scan, mask and class or union; masks are those of the source
        and of the baselines, which have no size.
    """

    rows: tuple[Row, ...]

    @cached_property
    def scans(self) -> dict[str, dict[str, Measurement]]:
        """Measurement by scan and class or union."""
        found: dict[str, dict[str, Measurement]] = {}
        for row in self.rows:
            if row.size is not None and row.agreement is not None:
                found.setdefault(row.scan, {})[row.class_name] = row.agreement
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes, then unions."""
        return tuple(dict.fromkeys(row.class_name for row in self.rows))

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """Mean Dice over the same scans by baseline and class or union."""
        return mean_dice(row for row in self.rows if row.size is None)

    def mean(self, name: str) -> Measurement:
        """Return the mean over scans of a class or union, undefined values left out.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> scores = study.evaluate("first", "seg", {"TC": (1, 4), "ED": 2})
        >>> 0 <= scores.mean("TC").dice <= 1
        True
        """
        values = (self._defined(name, measure) for measure in MEASURES)
        return Measurement(*(fmean(v) if v else math.nan for v in values))

    def count(self, name: str, measure: str) -> int:
        """Return over how many scans the mean of one measure is taken.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> scores = study.evaluate("first", "seg", {"TC": (1, 4), "ED": 2})
        >>> scores.count("TC", "dice")
        1
        """
        return len(self._defined(name, measure))

    def _defined(self, name: str, measure: str) -> list[float]:
        if name not in self.classes:
            raise McwssError(f"{name!r} was not measured: expected {', '.join(self.classes)}")
        values = (getattr(measurements[name], measure) for measurements in self.scans.values())
        return [value for value in values if not math.isnan(value)]

    def records(self) -> list[dict[str, Value]]:
        """Return one flat dictionary per scan, mask and class, as `pandas.DataFrame` takes them.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> scores = study.evaluate("first", "seg", {"TC": (1, 4), "ED": 2})
        >>> record = scores.records()[0]
        >>> record["scan"], record["mask"], record["class"]
        ('pat0006', 'first', 'TC')
        """
        return [row.record() for row in self.rows]

    def to_json(self) -> dict[str, object]:
        """Return scans, means and baselines as nested dictionaries, None for undefined values.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> scores = study.evaluate("first", "seg", {"TC": (1, 4), "ED": 2})
        >>> list(scores.to_json())
        ['scans', 'mean', 'baselines']
        """
        return {
            "scans": {
                scan: {name: m.to_json() for name, m in measurements.items()}
                for scan, measurements in self.scans.items()
            },
            "mean": {name: self.mean(name).to_json() for name in self.classes},
            "baselines": {
                BASELINES[mask]: {name: {"dice": dice} for name, dice in scores.items()}
                for mask, scores in self.baselines.items()
            },
        }


def evaluate(
    study: Study,
    source: str | MaskSource,
    masks: str,
    values: ClassValues,
    *,
    unions: Mapping[str, Sequence[str]] | None = None,
    scans: Sequence[str] | None = None,
) -> Evaluation:
    """Measure masks against reference masks.

    The location prior is made from the reference masks of the scans that the
    model was trained on, if they have any and are not measured themselves.

    Parameters
    ----------
    study : Study
    source : str or MaskSource
        Name of a model, whose ``measurements.csv`` of each scan are written;
        or where else the masks come from.
    masks : str
        Reference masks: a folder, or their name beside the scans, as in `find_masks`.
    values : mapping
        Class name to its value or values in the reference masks.
    unions : mapping, optional
        Further masks to measure: their names, and the classes that each joins.
    scans : sequence of str, optional
        Scans to measure; by default all that have both masks and that the model
        was not trained on.

    Raises
    ------
    McwssError
        If there is nothing to measure, a mask is missing or damaged, or the
        values do not fit the masks. No file is written then.

    Warns
    -----
    UserWarning
        About scans that are left out, and why; about those whose own tags
        helped to make their masks; and about classes that the model has missed.
    """
    steps = Returning(evaluating(study, source, masks, values, unions=unions, scans=scans))
    for _ in steps:
        pass
    return steps.value


def evaluating(
    study: Study,
    source: str | MaskSource,
    masks: str,
    values: ClassValues,
    *,
    unions: Mapping[str, Sequence[str]] | None = None,
    scans: Sequence[str] | None = None,
) -> Generator[None, None, Evaluation]:
    """Measure masks as `evaluate` does, and give way after each scan."""
    model = source if isinstance(source, str) else None
    source = MaskSource.of_model(study, source) if isinstance(source, str) else source
    references = ReferenceMasks(study, masks, as_tuples(values))
    if scans is None:
        scans = _unseen(study, source, references)
    else:
        for scan in scans:
            references.path(scan)  # says what is missing
    prior_scans = [s for s in source.trained_on if s not in scans and references.has(s)]
    # With these, reading says what is missing, rather than leaving a scan out.
    source = replace(source, has=lambda _: True)
    reference = MaskSource(Path(masks).name, lambda _: True, references.read)
    rows: list[Row] = []
    for found in compare_masks(
        study, scans, [source], reference, unions=unions, prior_scans=prior_scans
    ):
        if found.problem:
            raise McwssError(found.problem)
        rows += found.rows
        yield
    references.check()
    if not rows:
        raise McwssError("there is no scan to measure: name scans that have a reference mask")
    for missed in missed_in_rows(study, source, rows):
        warnings.warn(missed.text, stacklevel=4)
    evaluation = Evaluation(tuple(rows))
    if model is not None:
        _write(study, model, evaluation)
    return evaluation


def _unseen(study: Study, source: MaskSource, references: ReferenceMasks) -> list[str]:
    """Choose the scans that tell how good masks are on others; warn of what is left out."""
    found = list(filter(source.has, study.scan_names))
    if not found:
        raise McwssError(
            f"there is no scan to measure: there are no masks of {source.name}: segment scans first"
        )
    others = [scan for scan in found if scan not in source.trained_on]
    if not others:
        raise McwssError(
            f"there is no scan to measure: {source.name} was trained on all that it has segmented "
            f"({names_text(found)}): segment others, or name these with --scans to measure "
            "how well it fits them"
        )
    measured = list(filter(references.has, others))
    if not measured:
        references.path(others[0])  # says why
    if len(others) < len(found):
        seen = names_text([scan for scan in found if scan in source.trained_on])
        warnings.warn(
            f"not measured, because the model was trained on them: {seen}; name them with --scans "
            "to measure them, too",
            stacklevel=5,
        )
    if len(measured) < len(others):
        without = names_text([scan for scan in others if scan not in measured])
        warnings.warn(f"not measured, because they have no mask: {without}", stacklevel=5)
    return measured


def _write(study: Study, model: str, evaluation: Evaluation) -> None:
    """Write each scan's ``measurements.csv`` beside its result."""
    from napari_mcwss.segmentation.results import has_used_tags

    helped = [scan for scan in evaluation.scans if has_used_tags(study, model, scan)]
    if helped:
        warnings.warn(
            f"their own tags helped to segment {names_text(helped)}; segment with "
            "--ignore-tags to measure the model alone",
            stacklevel=5,
        )
    for scan, measurements in evaluation.scans.items():
        folder = study.result_folder(model, scan)
        study.check_inside(folder)
        write_measurements(folder / "measurements.csv", measurements)


def write_measurements(path: Path, measurements: Mapping[str, Measurement]) -> None:
    """Write one scan's measurements as CSV, one row per class, undefined values empty.

    Parameters
    ----------
    path : Path
        Replaced atomically.
    measurements : mapping
        Measurement by class or union.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("class", *MEASURES))
        for name, measurement in measurements.items():
            writer.writerow((name, *measurement.to_json().values()))
