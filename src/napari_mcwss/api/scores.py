"""How masks agree with reference masks."""

from napari_mcwss.api.html import html_table
from napari_mcwss.measurement.evaluation import Evaluation


class Scores(Evaluation):
    """Measurements of masks against reference masks, as `Study.evaluate` returns them.

    A notebook shows them as a table.

    Examples
    --------
    >>> import napari_mcwss as mcwss
    >>> study = mcwss.Study.open("my-study")
    >>> scores = study.evaluate("first", masks="seg", values={"TC": (1, 4), "ED": 2})
    >>> scores.classes, list(scores.scans)
    (('TC', 'ED'), ['pat0006'])
    >>> 0 <= scores.scans["pat0006"]["TC"].dice <= 1
    True
    >>> 0 <= scores.mean("ED").dice <= 1
    True
    >>> sorted(scores.baselines)
    ['empty mask', 'location prior']
    >>> records = scores.records()  # pandas.DataFrame(records)
    >>> records[0]["scan"], records[0]["class"]
    ('pat0006', 'TC')
    """

    def _repr_html_(self) -> str:
        from napari_mcwss.measurement.measure import MEASURES
        from napari_mcwss.measurement.tables import HEADINGS, measurement_rows

        headings = ["Scan", "Class", *(HEADINGS[measure] for measure in MEASURES)]
        rows = [(scan, name, *texts) for scan, name, texts in measurement_rows(self)]
        return html_table("Agreement with the reference masks", headings, rows)
