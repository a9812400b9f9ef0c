"""Where models and results lie in a study's folder."""

from pathlib import Path

from napari_mcwss.base.names import check_names

STUDY_FILE = "mcwss.json"


class StudyLayout:
    """The folders of a study, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def model_folder(self, name: str) -> Path:
        """Return the folder of a model, ``models/<name>``, which need not exist.

        Raises
        ------
        McwssError
            If the name cannot be that of a file.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.model_folder("first").parts[-2:]
        ('models', 'first')
        """
        folder = self.folder / "models" / name
        check_names("model", [name], known=[name] if folder.is_dir() else [])
        return folder

    def model_names(self) -> list[str]:
        """List the trained models, the newest last.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> study.model_names()
        ['first']
        """
        configs = (self.folder / "models").glob("[!.]*/config.json")
        by_age = sorted(configs, key=lambda path: path.stat().st_mtime)
        return [path.parent.name for path in by_age]

    def result_folder(self, model: str, scan: str) -> Path:
        """Return the folder of a model's results, ``results/<model>/<scan>``, which need not exist.

        Raises
        ------
        McwssError
            If a name cannot be that of a file.

        Examples
        --------
        >>> import napari_mcwss as mcwss
        >>> study = mcwss.Study.open("my-study")
        >>> sorted(path.name for path in study.result_folder("first", "pat0006").iterdir())
        ['cam_ED.nii.gz', 'cam_TC.nii.gz', 'mask.nii.gz', 'result.json', 'scores.csv']
        """
        check_names("model", [model], known=[model])
        check_names("scan", [scan], known=[scan])
        return self.folder / "results" / model / scan
