"""Weaknesses of a study's tags, found before a training of hours shows them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mcwss.base.text import counted
from napari_mcwss.tags.relations import parents

FEW_SLICES = 10
"""Fewer slices than these are too few to learn a class from."""

LEVELS = 20
"""Number of parts of equal length that a scan is divided into along its slice axis."""

PREDICTIVE_AUC = 0.95
"""From this area under the ROC curve, the level of a slice predicts the tag."""

Tags = Mapping[str, NDArray[np.int8]]
"""Scan to the values of its tags, ``(slices, classes)``."""


def obstacle(tags: Tags, classes: Sequence[str]) -> str:
    """Return why no model can be trained on the tags; empty if one can."""
    tagged = [scan for scan, values in tags.items() if (values != -1).any()]
    if not tagged:
        return f"no slice of {', '.join(tags)} is tagged: tag slices, then train"
    return lacking(np.concatenate([tags[scan] for scan in tagged]), classes, tagged)


def lacking(tags: NDArray[np.int8], classes: Sequence[str], scans: Sequence[str]) -> str:
    """Return which class lacks present or absent slices in ``(slices, classes)``; empty if none."""
    for index, name in enumerate(classes):
        for tag, word in ((1, "present"), (0, "absent")):
            if not (tags[:, index] == tag).any():
                return (
                    f"no slice is tagged {name} {word} in {', '.join(scans)}: tag some, a class "
                    "needs present and absent slices with a foreground"
                )
    return ""


def advise(tags: Tags, classes: Sequence[str]) -> list[str]:
    """Return what a model cannot learn from the tags and what to tag, a message for each class."""
    together = np.concatenate(list(tags.values()))
    return [
        *_few(together, classes),
        *_one_scan(tags, classes),
        *_alike(together, classes),
        *_hardly_apart(together, classes),
        *_level(tags, classes),
    ]


def level_area(tags: Tags, index: int) -> float:
    """Measure how well the level of a slice predicts a class's tag in a scan from the others.

    Returns
    -------
    float
        Area under the ROC curve, 0..1; 0.5 (chance) where it cannot be measured.
    """
    lengths = [len(values) for values in tags.values()]
    scans = np.repeat(np.arange(len(lengths)), lengths)
    levels = np.concatenate([np.arange(length) * LEVELS // length for length in lengths])
    column = np.concatenate([values[:, index] for values in tags.values()])
    count = np.zeros((2, len(lengths), LEVELS), np.intp)
    for tag in (0, 1):
        np.add.at(count[tag], (scans[column == tag], levels[column == tag]), 1)
    absent, present = count.sum(1, keepdims=True) - count
    # Add one slice of each tag: levels that no other scan has tagged then get 0.5.
    share = (present + 1) / (present + absent + 2)
    known = column != -1
    return _area(share[scans, levels][known], column[known] == 1)


def _few(tags: NDArray[np.int8], classes: Sequence[str]) -> Iterator[str]:
    for index, name in enumerate(classes):
        for tag, word in ((1, "present"), (0, "absent")):
            count = int((tags[:, index] == tag).sum())
            if count == 0:
                yield f"{name} is tagged {word} on no slice: tag some where it is {word}"
            elif count < FEW_SLICES:
                yield f"{name} is tagged {word} on only {counted(count, 'slice')}: tag more of them"


def _one_scan(tags: Tags, classes: Sequence[str]) -> Iterator[str]:
    tagged = [scan for scan, values in tags.items() if (values != -1).any()]
    if len(tagged) == 1:
        yield (
            f"{tagged[0]} is the only scan with tags: a model of one scan seldom works on "
            "others. Tag slices of at least two more"
        )
        return
    for index, name in enumerate(classes):
        holding = [scan for scan, values in tags.items() if (values[:, index] == 1).any()]
        if len(holding) == 1:
            yield (
                f"{name} is present only in {holding[0]}: a model will mistake what is special in "
                "that scan for it. Tag it in others"
            )


def _alike(tags: NDArray[np.int8], classes: Sequence[str]) -> Iterator[str]:
    for first in range(len(classes)):
        for second in range(first + 1, len(classes)):
            known = (tags[:, [first, second]] != -1).all(1)
            if known.any() and np.array_equal(tags[known, first], tags[known, second]):
                yield (
                    f"{classes[first]} and {classes[second]} have the same tags on every slice: "
                    "a model cannot tell them apart. Tag slices with only one of them"
                )


def _hardly_apart(tags: NDArray[np.int8], classes: Sequence[str]) -> Iterator[str]:
    for child, parent in enumerate(parents(tags)):
        if parent < 0:
            continue
        alone = int(((tags[:, parent] == 1) & (tags[:, child] == 0)).sum())
        if alone < FEW_SLICES:
            yield (
                f"{classes[parent]} is without {classes[child]} on only {counted(alone, 'slice')}: "
                f"tag slices with only {classes[parent]}, from which a model learns the difference"
            )


def _level(tags: Tags, classes: Sequence[str]) -> Iterator[str]:
    for index, name in enumerate(classes):
        area = level_area(tags, index)
        if area >= PREDICTIVE_AUC:
            yield (
                f"the level of a slice predicts whether {name} is present (AUC {area:.2f}): a "
                "model will mistake normal anatomy of that level for it. Tag slices of that level "
                "without it, or refine with a few corrected masks"
            )


def _area(scores: NDArray[np.float64], truths: NDArray[np.bool_]) -> float:
    """Return the probability that a true one scores higher than a false one; ties count half."""
    true, false = scores[truths], np.sort(scores[~truths])
    if not (true.size and false.size):
        return 0.5
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.mean() / (2 * false.size))
