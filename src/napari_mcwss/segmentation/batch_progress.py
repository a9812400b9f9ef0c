"""Progress of a batch of scans, without imports of the network."""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.text import counted


@dataclass(frozen=True)
class ScanProgress:
    """Progress of a batch.

    `number` counts the `scans` that are not skipped from 1. `done` and `total` are slices of the
    scan, both 0 while it is read.
    """

    scan: str
    number: int
    scans: int
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class ScanDone:
    """The end of one scan.

    `skipped` means that it had a result of this model already, `remade` that its mask was then made
    anew, and `other_settings` that its mask was left, though made by other settings than those
    asked for; `problem` says why it was not segmented.
    """

    scan: str
    seconds: float = 0.0
    skipped: bool = False
    remade: bool = False
    other_settings: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Segmented:
    """The end of a batch in a process of its own, summed up in a text."""

    text: str


def seconds_left(at: ScanProgress, ended: Sequence[ScanDone]) -> float | None:
    """Estimate the seconds left of a batch from the scans that are done; None before the first.

    Examples
    --------
    >>> seconds_left(ScanProgress("c", 3, 5, 10, 20), [ScanDone("a", 4.0), ScanDone("b", 6.0)])
    12.5
    >>> seconds_left(ScanProgress("a", 1, 5), []) is None
    True
    """
    took = [end.seconds for end in ended if not (end.skipped or end.problem)]
    if not took:
        return None
    part = at.done / at.total if at.total else 0.0
    return sum(took) / len(took) * (at.scans - at.number + 1 - part)


def summary(ended: Sequence[ScanDone]) -> str:
    """Sum up a batch in one line.

    Examples
    --------
    >>> summary([ScanDone("a", 4.0), ScanDone("b", 6.0), ScanDone("c", skipped=True)])
    '2 scans segmented, 5.0 s each; 1 was done already'
    >>> summary([ScanDone("a", skipped=True, remade=True), ScanDone("b", skipped=True)])
    '0 scans segmented; 2 were done already, 1 mask made anew'
    """
    done = [end for end in ended if not (end.skipped or end.problem)]
    skipped = sum(end.skipped for end in ended)
    failed = sum(bool(end.problem) for end in ended)
    each = f", {sum(end.seconds for end in done) / len(done):.1f} s each" if done else ""
    parts = [f"{len(done)} scan{'' if len(done) == 1 else 's'} segmented{each}"]
    if skipped:
        text = f"{skipped} {'was' if skipped == 1 else 'were'} done already"
        if remade := sum(end.remade for end in ended):
            text += f", {counted(remade, 'mask')} made anew"
        if other := sum(end.other_settings for end in ended):
            text += f", {counted(other, 'mask')} with other settings"
        parts.append(text)
    if failed:
        parts.append(f"{failed} could not be segmented")
    return "; ".join(parts)


def refuse_problems(ended: Sequence[ScanDone]) -> None:
    """Raise an error that names the scans of a batch that could not be segmented, if any."""
    failed = [end.scan for end in ended if end.problem]
    if failed:
        raise McwssError(
            f"{len(failed)} of {len(ended)} scans could not be segmented, see above: "
            f"{', '.join(failed)}"
        )
