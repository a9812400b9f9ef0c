"""Figures of slices: scan, CAMs and mask side by side, with a scale bar and a legend."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_mcwss.base.errors import McwssError
from napari_mcwss.export import pictures
from napari_mcwss.export.cases import ExportCase, ExportOutcome, each_case, new_folder
from napari_mcwss.study.study import Study

GAP = 8
LINE = 24
"""Pixels between pictures, and height of a line of text."""


def export_figures(
    study: Study,
    model: str,
    names: Sequence[str],
    out: Path,
    *,
    channel: str | None = None,
    slices: Sequence[int] | None = None,
    count: int = 3,
) -> Generator[ExportOutcome, None, None]:
    """Write a PNG for each chosen slice; the folder appears when it is whole.

    Parameters
    ----------
    study : Study
        Of the scans.
    model : str
        Whose results.
    names : sequence of str
        Of the scans.
    out : Path
        Folder to make.
    channel : str, optional
        The one that CAMs and masks are laid over; the first if not given.
    slices : sequence of int, optional
        Which, from 0; if not given, those with the most found.
    count : int
        At most so many of these.

    Yields
    ------
    ExportOutcome
        After every scan.

    Raises
    ------
    McwssError
        If there is no such channel, or the folder is there already.
    """
    shown = study.channels[0] if channel is None else channel
    if shown not in study.channels:
        raise McwssError(f"no channel {shown!r}: expected {', '.join(study.channels)}")
    colours = {spec.name: spec.colour for spec in study.classes}
    with new_folder(out) as folder:

        def write(case: ExportCase) -> None:
            found = pictures.telling_slices(case.mask > 0, count) if slices is None else slices
            beyond = [index for index in found if not 0 <= index < case.scan.slices]
            if beyond:
                raise McwssError(
                    f"scan {case.scan.name} has no slice {beyond[0]}: its slices are 0 to "
                    f"{case.scan.slices - 1}"
                )
            for index, figure in zip(found, draw(case, shown, colours, found), strict=True):
                figure.save(folder / f"{case.scan.name}_slice{index:03}.png")

        yield from each_case(study, model, names, write)


def draw(
    case: ExportCase, channel: str, colours: Mapping[str, str], slices: Sequence[int]
) -> list[Image.Image]:
    """Draw one figure a slice.

    Parameters
    ----------
    case : ExportCase
        The scan's results.
    channel : str
        The one that CAMs and masks are laid over.
    colours : mapping
        ``#rrggbb`` by class.
    slices : sequence of int
        Which, from 0.
    """
    volume = case.scan.volume()
    box = pictures.patient_box(volume)
    rows, columns = volume[0, 0, *box].shape
    spacing = case.scan.geometry.spacing
    size = pictures.picture_size((rows, columns), spacing[1:])

    def cut(layers: NDArray[np.generic], *, smooth: bool) -> pictures.Pixels:
        chosen = layers[list(slices)][:, *box].astype(np.uint8)
        return pictures.resized(chosen, size, smooth=smooth)

    below = pictures.grey(volume[case.scan.channels.index(channel)], slices)[:, *box]
    below = pictures.resized(below, size, smooth=True)
    panels = [(channel, below[..., None].repeat(3, -1))]
    for (name, colour), cam in zip(colours.items(), case.cams, strict=True):
        overlay = cut((255 * cam).round(), smooth=True)
        panels.append((f"CAM {name}", pictures.with_cam(below, overlay, colour)))
    masks = np.stack(
        [cut(case.mask == label, smooth=False) for label in range(1, len(colours) + 1)]
    ).astype(bool)
    panels.append(("mask", pictures.with_masks(below, masks, list(colours.values()))))
    # A single picture says nothing of its size in the patient.
    width_mm = columns * spacing[2] if case.scan.slices > 1 else None
    return [
        _figure(
            f"{case.scan.name}, slice {index}",
            [(caption, pixels[number]) for caption, pixels in panels],
            colours,
            width_mm,
        )
        for number, index in enumerate(slices)
    ]


def _figure(
    title: str,
    panels: Sequence[tuple[str, pictures.Pixels]],
    colours: Mapping[str, str],
    width_mm: float | None,
) -> Image.Image:
    height, width = panels[0][1].shape[:2]
    font = ImageFont.load_default(14)
    legend = [ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength(name, font) for name in colours]
    needed = int(sum(length + LINE + 3 * GAP for length in legend)) + GAP
    total = max(len(panels) * (width + GAP) + GAP, needed)
    figure = Image.new("RGB", (total, height + 3 * LINE + 2 * GAP), "white")
    pen = ImageDraw.Draw(figure)
    pen.text((GAP, GAP // 2), title, "black", font)
    top = 2 * LINE
    for number, (caption, pixels) in enumerate(panels):
        left = GAP + number * (width + GAP)
        pen.text((left, LINE), caption, "black", font)
        figure.paste(Image.fromarray(pixels), (left, top))
    if width_mm is not None:
        length = next((mm for mm in (50, 20, 10, 5, 2) if mm <= 0.4 * width_mm), 1)
        end, bottom = GAP + GAP + round(length / width_mm * width), top + height - GAP
        pen.rectangle((2 * GAP, bottom - 3, end, bottom), "white", "black")
        pen.text(
            (2 * GAP, bottom - LINE),
            f"{length} mm",
            "white",
            font,
            stroke_width=1,
            stroke_fill="black",
        )
        for side, place in (("R", 2 * GAP), ("L", width - GAP)):
            middle = (place, top + height // 2)
            pen.text(middle, side, "white", font, stroke_width=1, stroke_fill="black")
    left, line = float(GAP), top + height + GAP
    for (name, colour), space in zip(colours.items(), legend, strict=True):
        pen.rectangle((left, line + 2, left + 14, line + 16), colour)
        pen.text((left + LINE, line), name, "black", font)
        left += space + LINE + 3 * GAP
    return figure
