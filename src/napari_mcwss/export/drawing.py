"""Drawing of slices: scan, CAMs and mask side by side, with a scale bar and a legend."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from napari_mcwss.export import pictures
from napari_mcwss.export.cases import ExportCase

GAP = 8
LINE = 24
"""Pixels between pictures, and height of a line of text."""


def draw(
    case: ExportCase, channel: str, colours: Mapping[str, str], slices: Sequence[int]
) -> list[Image.Image]:
    """Draw one figure a slice, with CAMs and masks over one channel; colours are ``#rrggbb``."""
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
    # Pictures say nothing of their size and sides in the patient, nor do stacks of them.
    width_mm = columns * spacing[2] if case.scan.geometry.in_mm else None
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
