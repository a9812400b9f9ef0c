"""A study that can also train, segment, measure and export."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_mcwss.api.exporting import export_results
from napari_mcwss.api.progress import progress_bar, show_events
from napari_mcwss.api.segmenting import SegmentingStudy
from napari_mcwss.api.study_html import study_html
from napari_mcwss.api.training import training_events
from napari_mcwss.base.text import counted

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from napari_mcwss.api.model import Model
    from napari_mcwss.api.scores import Scores
    from napari_mcwss.training.events import Event


class Study(SegmentingStudy):
    """A study on disk, which can be tagged, trained on, segmented, measured and exported.

    It is a `napari_mcwss.study.study.Study`, the class that the package itself works with and
    that knows scans, classes and tags alone, with all that takes a network added.

    Examples
    --------
    >>> import napari_mcwss as mcwss
    >>> study = mcwss.Study.create(
    ...     "new-study", scans="glioma", channels=["t1c", "flair"], classes=["TC", "ED"]
    ... )
    >>> study
    <Study new-study: 4 scans, channels t1c, flair, classes TC, ED>
    >>> study.tags["pat0001"][4, "TC"] = mcwss.PRESENT
    >>> study.tags["pat0001"][4, "TC"] is mcwss.PRESENT
    True
    >>> study.tags.import_masks("seg", {"TC": (1, 4), "ED": 2}, overwrite=True) > 0
    True
    """

    def train(
        self,
        name: str,
        *,
        scans: Sequence[str] | None = None,
        trust: str | None = None,
        values: Mapping[str, int | str | Sequence[int | str]] | None = None,
        replace: bool = False,
        resume: bool = False,
        restart: bool = False,
        progress: bool = True,
        **settings: Any,
    ) -> Model:
        """Train a model on the tags, and wait until it is done.

        Interrupted, it keeps what it has learnt as a model, and can be resumed.

        Parameters
        ----------
        name : str
            Name of the model.
        scans : sequence of str, optional
            Scans to train on; all tagged ones if not given.
        trust : str, optional
            Masks that the preset ``features`` and the second stage of ``refine=True``
            learn from as they are: ``corrected`` for those that were corrected in
            napari and called right; else a folder, or their name beside the scans.
        values : mapping of str to int or sequence of int, optional
            Values of the classes in these masks, as ``{"TC": (1, 4), "ED": 2}``.
        replace : bool
            Whether it may take the place of an older model of that name, which
            stays until this one is done.
        resume : bool
            Go on with the unfinished training of that name, with its settings.
        restart : bool
            Give up the unfinished training of that name.
        progress : bool
            Whether a progress bar is shown on standard error.
        **settings
            Fields of `napari_mcwss.training.config.TrainingConfig`: ``preset``,
            ``epochs``, ``minutes``, ``patience``, ``pixel``, ``width``, ``refine``,
            ``device``, ``seed`` ...

        Returns
        -------
        Model
            The trained model.

        Raises
        ------
        McwssError
            If a setting is unknown or out of range, there is a model or an unfinished
            training of that name, the tags do not suffice, the memory does not
            suffice, or the model cannot be written.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> model = study.train(
        ...     "second", epochs=1, width=2, scans=["pat0001"], device="cpu", progress=False
        ... )
        >>> model.info.scans, model.info.epochs
        (('pat0001',), 1)
        """
        events = training_events(
            self,
            name,
            scans=scans,
            trust=trust,
            values=values,
            replace=replace,
            resume=resume,
            restart=restart,
            **settings,
        )
        with closing(events), progress_bar(shown=progress) as bar:
            if progress:
                show_events(bar, events)
            else:
                for _ in events:
                    pass
        return self.model(name)

    def training(self, name: str, **options: Any) -> Generator[Event, None, None]:
        """Train a model as `train` does, but step by step.

        The training waits while its events are looked at. Leaving the loop stops
        it: what it has learnt is kept as a model, and it can be resumed.

        Parameters
        ----------
        name : str
            Name of the model.
        **options
            As for `train`, except for `progress`.

        Returns
        -------
        generator of Event
            Those of `napari_mcwss.events`: ``Started``, ``Batch``, ``Epoch``,
            ``Checkpoint``, ``Message``, ``Advice``, ``Finished``.

        Raises
        ------
        McwssError
            As for `train`.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> for event in study.training("third", preset="local", epochs=2, device="cpu"):
        ...     if isinstance(event, mcwss.events.Epoch):
        ...         print("epoch", event.epoch)
        epoch 1
        epoch 2
        """
        return training_events(self, name, **options)

    def evaluate(
        self,
        model: str,
        masks: str | Path,
        values: Mapping[str, int | str | Sequence[int | str]] | None = None,
        *,
        unions: Mapping[str, Sequence[str]] | None = None,
        scans: Sequence[str] | None = None,
    ) -> Scores:
        """Measure a model's stored masks against reference masks, beside two baselines.

        Parameters
        ----------
        model : str
            Name of the model.
        masks : str or Path
            Name of the mask among each scan's files, such as ``"seg"``, or a folder of
            masks: images, folders with a file for each class, DICOM segmentations, or RT
            structure sets.
        values : mapping of str to int, str or sequence of these, optional
            Values of each class in these masks, as ``{"TC": (1, 4), "ED": 2}``, or names
            where masks have such; by default those of the classes.
        unions : mapping of str to sequence of str, optional
            Classes that are measured as one, as ``{"WT": ["TC", "ED"]}``.
        scans : sequence of str, optional
            Names of the scans; if not given, all that the model has segmented and was
            not trained on.

        Returns
        -------
        Scores
            Dice, distances, sensitivity, precision and volumes of each scan and class.

        Raises
        ------
        McwssError
            If there is nothing to measure, or masks, values and scans do not fit each
            other.

        Warns
        -----
        UserWarning
            About scans that are left out, and scans whose own tags helped to make their
            masks: ``segment(..., ignore_tags=True)`` does without.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> scores = study.evaluate(
        ...     "first", "seg", {"TC": (1, 4), "ED": 2}, unions={"WT": ["TC", "ED"]}
        ... )
        >>> list(scores.scans["pat0006"])
        ['TC', 'ED', 'WT']
        """
        from napari_mcwss.api.scores import Scores
        from napari_mcwss.measurement.evaluation import evaluate

        found = evaluate(self, model, str(masks), values or {}, unions=unions, scans=scans)
        return Scores(found.rows)

    def export(
        self,
        name: str,
        out: str | Path,
        *,
        model: str,
        scans: Sequence[str] | None = None,
        progress: bool = True,
        **options: Any,
    ) -> Path:
        """Write results for other programs.

        Parameters
        ----------
        name : {"nnunet", "bids", "dicom-seg", "figures", "report"}
            What to write.
        out : str or Path
            Folder to make, or file of a report.
        model : str
            Name of the model whose results are written; corrected masks take the place of its own.
        scans : sequence of str, optional
            Names of the scans; all that the model has segmented if not given.
        progress : bool
            Whether a progress bar is shown on standard error.
        **options
            Those of the export, such as ``channel="flair"`` of figures.

        Returns
        -------
        Path
            The folder or file.

        Raises
        ------
        McwssError
            If there is no such export, nothing to export or `out` exists already; and at
            the end, if a scan could not be exported.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> out = study.export("nnunet", "Dataset501_Glioma", model="first", progress=False)
        >>> sorted(path.name for path in out.iterdir())
        ['dataset.json', 'imagesTr', 'labelsTr', 'scans.csv']
        """
        export_results(self, name, Path(out), model, scans, progress=progress, options=options)
        return Path(out)

    def __repr__(self) -> str:
        return (
            f"<Study {self.folder.name}: {counted(len(self.scan_names), 'scan')}, channels "
            f"{', '.join(self.channels)}, classes {', '.join(self.class_names)}>"
        )

    def _repr_html_(self) -> str:
        return study_html(self)
