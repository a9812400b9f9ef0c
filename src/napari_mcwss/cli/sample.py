"""The command ``napari-mcwss sample``, which makes studies to try the program on."""

from pathlib import Path
from typing import Annotated

import typer

from napari_mcwss.api.progress import progress_bar
from napari_mcwss.api.samples import SAMPLES, make_sample
from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.generators import Returning

PHANTOM = "phantom"


def sample(
    name: Annotated[
        str | None, typer.Argument(help="One of the list; without it, show the list.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to create; by default mcwss-NAME.")
    ] = None,
) -> None:
    """Make a study with tags to try the program on, of generated or public scans."""
    if name is None:
        _show_list()
        return
    if name != PHANTOM and name not in SAMPLES:
        raise McwssError(f"no sample {name!r}: choose one of {', '.join((PHANTOM, *SAMPLES))}")
    folder = out or Path(f"mcwss-{name}")
    if name == PHANTOM:
        study = _phantom(folder)
    else:
        chosen = SAMPLES[name]
        typer.echo(f"{chosen.title}: about {chosen.megabytes} MB, licence {chosen.licence}")
        steps = Returning(make_sample(chosen, folder))
        with progress_bar() as bar:
            task = bar.add_task("downloading", total=None)
            for step in steps:
                bar.update(
                    task, description=step.doing, completed=step.done, total=step.total or None
                )
        study = steps.value.folder
    typer.echo(f"Study: {study}. Look at it with: napari-mcwss open {study}")


def _phantom(folder: Path) -> Path:
    from napari_mcwss.cli.demo import DemoData

    if folder.exists():
        raise McwssError(f"'{folder}' exists: name a new folder with --out")
    return DemoData.phantom(folder / "scans", scans=6).make_study(folder / "study").folder


def _show_list() -> None:
    typer.echo(f"{PHANTOM}\n    Generated brains with tumours, 6 scans\n    no download")
    for name, entry in SAMPLES.items():
        typer.echo(f"{name}\n    {entry.title}")
        typer.echo(f"    about {entry.megabytes} MB to download; licence: {entry.licence}")
