"""What a study's tags cannot teach, in plain words, before hours of training show it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.tags.relations import parents

FEW_SLICES = 10
"""Fewer slices than these hardly show what is particular to a class."""

LEVELS = 20
"""Parts of equal length that scans are divided in, to compare slices of one level."""

TELLING = 0.95
"""From this area under the ROC curve on the level of a slice as good as tells the tag."""

Tags = Mapping[str, NDArray[np.int8]]
"""Scan to its tags ``(slices, classes)``: 1 present, 0 absent, -1 unknown."""


def advise(tags: Tags, classes: Sequence[str]) -> list[str]:
    """Say what the tags cannot teach, and what to tag against it.

    Parameters
    ----------
    tags : mapping
        Scan to its tags.
    classes : sequence of str
        Their names.

    Returns
    -------
    list of str
        A sentence each, naming the class; empty if there is nothing to say.
    """
    together = np.concatenate(list(tags.values()))
    return [
        *_few(together, classes),
        *_one_scan(tags, classes),
        *_alike(together, classes),
        *_hardly_apart(together, classes),
        *_level(tags, classes),
    ]


def level_area(tags: Tags, index: int) -> float:
    """Measure how well the level of a slice tells a class's tag, on scans left out in turn.

    Parameters
    ----------
    tags : mapping
        As in `advise`.
    index : int
        Of the class.

    Returns
    -------
    float
        Area under the ROC curve, 0..1; 0.5, chance, where it cannot be measured.
    """
    present, absent = (_counts(tags, index, tag) for tag in (1, 0))
    scores, truths = [], []
    for row, values in enumerate(tags.values()):
        others_present = present.sum(0) - present[row]
        others_absent = absent.sum(0) - absent[row]
        # One slice of each kind more: levels that others never tagged are undecided.
        share = (others_present + 1) / (others_present + others_absent + 2)
        known = values[:, index] != -1
        scores.append(share[_levels(len(values))[known]])
        truths.append(values[known, index] == 1)
    return _area(np.concatenate(scores), np.concatenate(truths))


def _few(tags: NDArray[np.int8], classes: Sequence[str]) -> Iterator[str]:
    for index, name in enumerate(classes):
        for tag, word in ((1, "present"), (0, "absent")):
            count = int((tags[:, index] == tag).sum())
            if count < FEW_SLICES:
                yield f"{name} is tagged {word} on {count} slices only: tag more of them"


def _one_scan(tags: Tags, classes: Sequence[str]) -> Iterator[str]:
    tagged = [scan for scan, values in tags.items() if (values != -1).any()]
    if len(tagged) == 1:
        yield (
            f"{tagged[0]} is the only scan with tags: what is learnt from one scan seldom holds "
            "for others. Tag slices of at least two more"
        )
        return
    for index, name in enumerate(classes):
        holding = [scan for scan, values in tags.items() if (values[:, index] == 1).any()]
        if len(holding) == 1:
            yield (
                f"{name} is present in {holding[0]} alone: whatever is peculiar to that scan will "
                "look like it. Tag it in others"
            )


def _alike(tags: NDArray[np.int8], classes: Sequence[str]) -> Iterator[str]:
    for first in range(len(classes)):
        for second in range(first + 1, len(classes)):
            known = (tags[:, [first, second]] != -1).all(1)
            if known.any() and np.array_equal(tags[known, first], tags[known, second]):
                yield (
                    f"{classes[first]} and {classes[second]} are tagged alike on every slice: "
                    "nothing tells them apart. Tag slices with one of them alone"
                )


def _hardly_apart(tags: NDArray[np.int8], classes: Sequence[str]) -> Iterator[str]:
    for child, parent in enumerate(parents(tags)):
        if parent < 0:
            continue
        alone = int(((tags[:, parent] == 1) & (tags[:, child] == 0)).sum())
        if alone < FEW_SLICES:
            yield (
                f"{classes[parent]} is without {classes[child]} on only {alone} slices: tag slices "
                f"with {classes[parent]} alone, they teach the difference"
            )


def _level(tags: Tags, classes: Sequence[str]) -> Iterator[str]:
    for index, name in enumerate(classes):
        area = level_area(tags, index)
        if area >= TELLING:
            yield (
                f"the level of a slice alone tells whether {name} is there (AUC {area:.2f}): "
                "normal anatomy of that level will look like it. Tag slices of that level without "
                "it, or refine with a few corrected masks"
            )


def _levels(slices: int) -> NDArray[np.intp]:
    return np.arange(slices) * LEVELS // slices


def _counts(tags: Tags, index: int, tag: int) -> NDArray[np.intp]:
    """Count the slices of each scan and level that have a tag: ``(scans, LEVELS)``."""
    return np.stack(
        [
            np.bincount(_levels(len(values))[values[:, index] == tag], minlength=LEVELS)
            for values in tags.values()
        ]
    )


def _area(scores: NDArray[np.float64], truths: NDArray[np.bool_]) -> float:
    """Give the chance that a true one scores higher than a false one, ties by half."""
    true, false = scores[truths], np.sort(scores[~truths])
    if not (true.size and false.size):
        return 0.5
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.mean() / (2 * false.size))
