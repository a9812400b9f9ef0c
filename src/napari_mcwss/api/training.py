"""A training with the masks and the older models of its study looked after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_mcwss.base.errors import McwssError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from napari_mcwss.study.study import Study
    from napari_mcwss.training.events import Event


def training_events(
    study: Study,
    name: str,
    *,
    scans: Sequence[str] | None = None,
    trust: str | None = None,
    values: Mapping[str, int | str | Sequence[int | str]] | None = None,
    replace: bool = False,
    resume: bool = False,
    restart: bool = False,
    **settings: Any,
) -> Generator[Event, None, None]:
    """Check what is asked for and return the training, not yet begun.

    Parameters and errors are those of `napari_mcwss.api.study.Study.train`.
    """
    from napari_mcwss.measurement.class_masks import as_tuples
    from napari_mcwss.training import loop
    from napari_mcwss.training.checkpoints.unfinished import refuse_to_replace
    from napari_mcwss.training.config import training_config
    from napari_mcwss.training.trusted import read_trusted

    if resume:
        if settings or restart or replace or values or not (scans is trust is None):
            raise McwssError("a resumed training keeps its settings: give only resume=True")
        return loop.resume(study, name)
    config = training_config(**settings)
    if not replace:
        refuse_to_replace(study, name)
    if values and trust is None:
        raise McwssError("values are those of masks: name the masks with trust, too")
    given = as_tuples(values) if values else None
    trusted = None if trust is None else read_trusted(study, trust, given, scans)
    return loop.train(study, name, config, scans=scans, trusted=trusted, restart=restart)
