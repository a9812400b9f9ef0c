"""One HTML file with the results of a model: pictures, numbers, training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader
from numpy.typing import NDArray

from napari_mcwss.base.files import replacing
from napari_mcwss.base.version import __version__
from napari_mcwss.base.voxel_size import voxel_volume
from napari_mcwss.export import pictures
from napari_mcwss.export.chart import HEIGHT, WIDTH, chart_of
from napari_mcwss.measurement.evaluation import Evaluation
from napari_mcwss.measurement.measure import MEASURES
from napari_mcwss.measurement.tables import HEADINGS, NOTE, measurement_rows


@dataclass(frozen=True, eq=False)
class ReportScan:
    """One scan of a report.

    Volume ``(channel, z, y, x)``, CAMs ``(K, z, y, x)`` in 0..1, mask ``(z, y, x)`` with 0 for
    background and k + 1 for class k, reference masks ``(K, z, y, x)``, which may overlap, and voxel
    size (z, y, x) in mm, in which pictures and stacks of them are not measured (`in_mm`). CAMs and
    masks are laid over the channel `background`. `tagged` is the number of tagged slices; `learnt`
    says that the model was trained on the scan, `corrected` that the mask was corrected by hand.
    """

    name: str
    channels: tuple[str, ...]
    volume: NDArray[np.float32]
    cams: NDArray[np.float32]
    mask: NDArray[np.uint8]
    references: NDArray[np.bool_] | None
    spacing: tuple[float, float, float]
    background: str
    in_mm: bool = True
    tagged: int = 0
    learnt: bool = False
    corrected: bool = False


@dataclass(frozen=True)
class Panel:
    """One picture: what it shows, its class's colour, its data URI."""

    caption: str
    colour: str | None
    uri: str


@dataclass(frozen=True)
class SliceRow:
    """The pictures of one slice, whose index counts from 0 as in napari."""

    index: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Finding:
    """How much of a class the mask of a scan holds; `volume_ml` is None for pictures."""

    class_name: str
    volume_ml: float | None
    slices: int


@dataclass(frozen=True)
class ScanSection:
    """What the page shows of one scan.

    Width and height of each picture are in pixels. `bar_percent` is the length of the scale bar
    relative to the width of a picture; both are None for pictures, whose size and sides in the
    patient are not known.
    """

    name: str
    background: str
    slices: int
    tagged: int
    learnt: bool
    corrected: bool
    findings: tuple[Finding, ...]
    rows: tuple[SliceRow, ...]
    width: int
    height: int
    bar_mm: float | None
    bar_percent: float | None

    def volume_text(self, class_name: str) -> str:
        """Return the volume of a class in mL; of pictures, whether it was found."""
        found = {finding.class_name: finding for finding in self.findings}.get(class_name)
        if self.bar_mm is None:
            return "-" if found is None else "found"
        return f"{found.volume_ml if found and found.volume_ml else 0.0:.1f}"


def write_report(
    path: Path,
    *,
    title: str,
    summary: str,
    missed: Sequence[str],
    classes: Mapping[str, str],
    scans: Sequence[ScanSection],
    evaluation: Evaluation | None,
    training: Mapping[str, str],
    losses: Mapping[str, Sequence[float]],
    validation: Mapping[str, Sequence[float]] | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Write a report that needs no other file and no network.

    Colours are ``#rrggbb`` by class, in the order of the masks' values. `missed` are lines about
    classes that the model should have found. The evaluation can be of
    more scans than those shown. Training is texts by label; losses, and AUCs on the validation
    scans by class, are curves with one value an epoch. Details are settings and versions.
    """
    rows = measurement_rows(evaluation) if evaluation else []
    # Means and baselines, which are not sorted with the scans, come last.
    measured = len(evaluation.scans) * len(evaluation.classes) if evaluation else 0
    environment = Environment(
        loader=PackageLoader("napari_mcwss.export"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(
        title=title,
        summary=summary,
        missed=missed,
        classes=classes,
        scans=scans,
        columns=[HEADINGS[measure] for measure in MEASURES],
        rows=rows[:measured],
        sums=rows[measured:],
        note=NOTE,
        training=training,
        charts={
            label: chart
            for label, curves in {"Loss": losses, "AUC on validation scans": validation}.items()
            if (chart := chart_of(curves or {})) is not None
        },
        details=details or {},
        chart_size=(WIDTH, HEIGHT),
        version=__version__,
        today=date.today().isoformat(),
    )
    with replacing(path, parents=True) as temporary:
        temporary.write_text(page, encoding="utf-8")


def draw_scan(scan: ReportScan, classes: Mapping[str, str], *, count: int = 3) -> ScanSection:
    """Draw the pictures of at most `count` slices of one scan; colours as for `write_report`."""
    found = np.stack([scan.mask == k + 1 for k in range(len(classes))])
    lesion = found if scan.references is None or not scan.references.any() else scan.references
    chosen = pictures.telling_slices(np.logical_or.reduce(lesion), count)
    box = pictures.patient_box(scan.volume)
    _, rows, columns = scan.volume[0, :, *box].shape
    size = pictures.picture_size((rows, columns), scan.spacing[1:])

    def cut(layers: NDArray[np.generic]) -> pictures.Pixels:
        pixels = layers[chosen][:, *box]
        # Masks have sharp pixels, everything else is smooth.
        smooth = pixels.dtype != bool
        return pictures.resized(pixels.astype(np.uint8), size, smooth=smooth)

    greys = {
        channel: pictures.resized(pictures.grey(volume, chosen)[:, *box], size, smooth=True)
        for channel, volume in zip(scan.channels, scan.volume, strict=True)
    }
    below = greys[scan.background]
    colours = list(classes.values())
    drawn: list[tuple[str, str | None, pictures.Pixels]] = [
        (channel, None, pixels) for channel, pixels in greys.items()
    ]
    for (name, colour), cam in zip(classes.items(), scan.cams, strict=True):
        overlay = pictures.with_cam(below, cut((255 * cam).round().astype(np.uint8)), colour)
        drawn.append((f"CAM {name}", colour, overlay))
    masks = {"mask": found, "reference": scan.references}
    for caption, layers in masks.items():
        if layers is not None:
            sharp = np.stack([cut(layer).astype(bool) for layer in layers])
            drawn.append((caption, None, pictures.with_masks(below, sharp, colours)))

    bar_mm, bar_percent = None, None
    if scan.in_mm:
        width_mm = columns * scan.spacing[2]
        bar_mm = next((mm for mm in (50, 20, 10, 5, 2) if mm <= 0.4 * width_mm), 1)
        bar_percent = 100 * bar_mm / width_mm
    return ScanSection(
        scan.name,
        scan.background,
        len(scan.mask),
        scan.tagged,
        scan.learnt,
        scan.corrected,
        _findings(scan, classes),
        tuple(
            SliceRow(z, tuple(Panel(c, colour, pictures.png_uri(p[n])) for c, colour, p in drawn))
            for n, z in enumerate(chosen)
        ),
        size[1],
        size[0],
        bar_mm,
        bar_percent,
    )


def _findings(scan: ReportScan, classes: Mapping[str, str]) -> tuple[Finding, ...]:
    voxel_ml = voxel_volume(scan.spacing) / 1000
    found = []
    for label, name in enumerate(classes, 1):
        areas = np.count_nonzero(scan.mask == label, axis=(1, 2))
        if areas.any():
            volume = float(areas.sum()) * voxel_ml if scan.in_mm else None
            found.append(Finding(name, volume, int(np.count_nonzero(areas))))
    return tuple(found)
