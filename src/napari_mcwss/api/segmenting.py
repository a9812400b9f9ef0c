"""A study with its models and their results."""

from __future__ import annotations

import warnings
from contextlib import closing
from typing import TYPE_CHECKING

from napari_mcwss.api.model import Model
from napari_mcwss.api.progress import progress_bar, show_batch, show_slices
from napari_mcwss.api.segmentation import Home, Segmentation, changed
from napari_mcwss.base.errors import McwssError
from napari_mcwss.study import study as on_disk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from napari_mcwss.api.segmentation import MaskOptions
    from napari_mcwss.segmentation.masks.settings import MaskSettings


class SegmentingStudy(on_disk.Study):
    """A study on disk whose scans can be segmented: what `Study` builds on."""

    def model(self, name: str, *, device: str = "auto") -> Model:
        """Open a model of the study.

        Parameters
        ----------
        name : str
            Name of the model; `model_names` lists them.
        device : str
            Where it runs: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

        Returns
        -------
        Model
            The model; its weights are not loaded yet.

        Raises
        ------
        McwssError
            If there is no such model, or it is damaged or of a newer format.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> [study.model(name) for name in study.model_names()]
        [<Model first: channels t1c, flair, classes TC, ED>]
        """
        return Model.load(self.model_folder(name), device=device)

    def segment(
        self,
        scan: str,
        model: str | Model,
        *,
        ignore_tags: bool = False,
        progress: bool = True,
        **mask: Unpack[MaskOptions],
    ) -> Segmentation:
        """Segment a scan, and store the result in the study, as napari and the command line do.

        Parameters
        ----------
        scan : str
            Name of the scan.
        model : str or Model
            The model, or its name.
        ignore_tags : bool
            Segment as if nobody had tagged the scan; else its known tags decide
            which slices hold a class.
        progress : bool
            Whether a progress bar is shown on standard error.
        **mask
            ``threshold``, ``gate``, ``steps`` and ``volumes``, see `Segmentation.remask`.

        Returns
        -------
        Segmentation
            Mask, CAMs and scores.

        Raises
        ------
        McwssError
            If there is no such scan or model, they do not fit each other, a value is
            out of range, or a file cannot be read or written.

        Warns
        -----
        UserWarning
            If the model has missed a class that is tagged present in the scan.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> result = study.segment("pat0002", model="first", threshold=0.4, progress=False)
        >>> result.mask.shape
        (9, 41, 36)
        """
        from napari_mcwss.segmentation.segment import segment_scan

        used = self._own(model)
        settings = self._mask_settings(mask, None if ignore_tags else scan)
        with progress_bar(shown=progress) as bar:
            show_slices(bar, scan, segment_scan(self, used.name, used.trained, scan, settings))
        self._warn_of_missed(used.name, [scan])
        return self.result(scan, used)

    def segment_all(
        self,
        model: str | Model,
        scans: Sequence[str] | None = None,
        *,
        ignore_tags: bool = False,
        progress: bool = True,
        **mask: Unpack[MaskOptions],
    ) -> list[str]:
        """Segment many scans one after the other; what is wrong with one does not stop the others.

        Parameters
        ----------
        scans : sequence of str, optional
            Names of the scans; if not given, all without a result of this model. Masks of other
            scans are then made anew if they were made in another way than the parameters say.
        model, ignore_tags, progress, **mask
            As for `segment`.

        Returns
        -------
        list of str
            Names of the scans that were segmented; `result` opens their results.

        Raises
        ------
        McwssError
            If there is no such scan or model, or a value is out of range; and at the
            end, if a scan could not be segmented.

        Warns
        -----
        UserWarning
            If the model has missed a class in scans where it is tagged present, or in all.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.segment_all("first", progress=False)
        ['pat0001', 'pat0002', 'pat0005']
        """
        from napari_mcwss.segmentation.batch import segment_scans
        from napari_mcwss.segmentation.batch_progress import refuse_problems

        used = self._own(model)
        for name in scans or ():
            self.files(name)
        steps = segment_scans(
            self,
            used.name,
            used.trained,
            self.scan_names if scans is None else list(dict.fromkeys(scans)),
            tags=lambda scan: None if ignore_tags else self.tags.read(scan).values,
            settings=self._mask_settings(mask),
            again=scans is not None,
            remake=bool(mask) or ignore_tags,
        )
        with progress_bar(shown=progress) as bar, closing(steps):
            ended = show_batch(bar, steps)
        self._warn_of_missed(used.name, [end.scan for end in ended if not end.problem])
        refuse_problems(ended)
        return [end.scan for end in ended if not end.skipped]

    def result(self, scan: str, model: str | Model) -> Segmentation:
        """Open the stored result of a model on a scan.

        Parameters
        ----------
        scan, model
            As for `segment`.

        Returns
        -------
        Segmentation
            Mask, CAMs and scores, as they are on the disk.

        Raises
        ------
        McwssError
            If the scan was not segmented by this model, or a file is damaged.

        Warns
        -----
        UserWarning
            If an older version has stored a mask that the stored CAMs do not give.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> mcwss.Study.open("my-study").result("pat0006", "first").classes
        ('TC', 'ED')
        """
        from napari_mcwss.segmentation import older_results, results
        from napari_mcwss.segmentation.masks.settings import MaskSettings
        from napari_mcwss.segmentation.segment import study_precedence

        used = self._own(model)
        source = self.scan(scan)
        prediction = results.load_result(self, used.name, scan)
        if prediction is None:
            raise results.no_result(used.name, scan)
        mask = results.load_mask(self, used.name, scan).astype("uint8")
        record = results.stored_settings(self, used.name, scan)
        settings = MaskSettings.of_record(record, self.tags.read(scan).values, self.class_names)
        precedence = study_precedence(self, used.info)
        if older_results.differs_from_cams(self, used.name, used.info, scan):
            warnings.warn(older_results.older_text([scan]), stacklevel=2)
        return Segmentation(mask, settings, prediction, source, precedence, Home(self, used.name))

    def _warn_of_missed(self, model: str, scans: Sequence[str]) -> None:
        from napari_mcwss.segmentation.missed_classes import missed_in_results

        for missed in missed_in_results(self, model, scans):
            warnings.warn(missed.text, stacklevel=3)

    def _own(self, model: str | Model) -> Model:
        """Return a model of this study."""
        if isinstance(model, str):
            return self.model(model)
        if not model.folder.exists() or not model.folder.samefile(self.model_folder(model.name)):
            raise McwssError(
                f"the model in '{model.folder}' is not a model of this study: unpack it into the "
                "study first, or segment arrays with Model.segment"
            )
        return model

    def _mask_settings(self, options: MaskOptions, tags_of: str | None = None) -> MaskSettings:
        from napari_mcwss.segmentation.masks.settings import MaskSettings

        tags = None if tags_of is None else self.tags.read(tags_of).values
        return changed(MaskSettings(tags=tags), self.class_names, **options)
