"""The command ``napari-mcwss encoders``, which lists and downloads feature extractors."""

from typing import Annotated

import typer

from napari_mcwss.api.progress import progress_bar
from napari_mcwss.model.encoders.hub import download_encoder, find_download, is_downloaded
from napari_mcwss.model.encoders.registry import ENCODERS


def encoders(
    download: Annotated[
        str | None,
        typer.Option(
            help="Name of an encoder to download: one of the list, or any model for timm on the "
            "Hugging Face Hub, as owner/model.",
            metavar="NAME",
        ),
    ] = None,
) -> None:
    """List the networks that features can come from, or download one."""
    if download is None:
        _show_list()
        return
    if download in ENCODERS and ENCODERS[download].embedded:
        typer.echo(f"{download}: installed, needs no download")
        return
    found = find_download(download)
    checksum = f"SHA-256 {found.sha256}" if found.sha256 else "no checksum stated"
    typer.echo(f"{found.name}: {found.size / 1e6:.1f} MB, licence {found.licence}, {checksum}")
    with progress_bar() as bar:
        task = bar.add_task("downloading", total=found.size)
        for size in download_encoder(found):
            bar.update(task, completed=size)
    typer.echo(f"{found.name}: ready")


def _show_list() -> None:
    for name, entry in ENCODERS.items():
        if entry.embedded:
            place = "installed"
        else:
            place = "downloaded" if is_downloaded(name) else "not downloaded"
        typer.echo(name)
        typer.echo(f"    {entry.title}: {entry.summary}")
        typer.echo(f"    {entry.size:.0f} MB, {place}; licence: {entry.licence}")
