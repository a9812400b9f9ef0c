"""From the figures of rows to ``accuracy.md``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev

from accuracy_methods import METHODS
from accuracy_records import Row, read_rows

from napari_mcwss.base.files import replacing

REMARKS = "## Remarks"
"""From this line on the file is written by hand."""

HEADER = """# Accuracy

`python benchmarks/accuracy.py all` makes the rows of the summary that are missing, and
`python benchmarks/accuracy.py table` writes this page, except for the remarks at its end. How the
figures were made:

- **Summary.** The main row of each method: the Dice of all classes together, tags of the tested
  scans unused, in brackets its share of the ceiling, and of pictures the AUC, mean over the
  classes.
- **Cohorts.** `glioma`: five patients (four of BRATS 2013, one of BRATS 2021; T1c and FLAIR), each
  left out in turn; core TC = 1, 4, oedema ED = 2, WT both. `hippocampus`: Medical Segmentation
  Decathlon Task04, T1; trained on the first 60 scans by name, tested on the last 20; ANT = 1,
  POST = 2, ALL both. `phantom`: eight generated tumours, six to train on and two to test on.
  Settings of the method were chosen on these very gliomas (see [the method](../docs/method.md)).
  All others are folders of 2-D pictures, such as `covidct_half` (chest CT, one lung a picture),
  `busi` (breast ultrasound) and `idrid_tiles` (tiles of fundus photographs): a third of the groups
  is tested on, drawn once. Groups, which are never split, are the patients of `covidct_half`, the
  eyes of `idrid_tiles`, and elsewhere single pictures.
- **Use of masks.** Before any training, a slice is tagged present if the mask has at least one
  voxel of the class on it, otherwise absent. `cam`, `published`, `mcwss`, `local`, `features` and
  `auto`, refined or not, train and segment without the masks (a test deletes the files), except for
  the masks that a row says were given. `published` and `mcwss` choose their epoch by the tags of
  validation scans; the others keep their last epoch. All settings, thresholds included, are the
  defaults unless the name of the row says otherwise.
- **Methods.** `empty`: no voxel. `location_prior`: the mean of the training masks, without any
  image. `cam`: a classifier on the mean of the deepest features of the network of `mcwss`, its
  maps relative to the maximum of their slice. *refined*: a second stage learns from the masks that
  the first stage makes of the training scans, with a 2-D U-Net unless the row says *3-D*;
  *masks given: n*: for the first n scans by name it gets the reference masks.
  `features_masks`, the ceiling of `features` and `auto`, is their heads with all masks.
  `supervised`, that of the others, is that second stage alone with all masks: MONAI's `BasicUNet`,
  Dice and cross-entropy, the same slices, preparation, augmentation, optimiser, schedule, smoothing
  and borders. It is not a tuned segmentation system. *2 mm*: the network reads 2 mm pixels, which
  is about six times as fast as the default (the pixels of the scans, but not below 1 mm); masks
  have the scan's own voxels. A pixel of a picture counts as 1 mm. *place*: the network also reads
  the position of a pixel. Of ten or more training scans a fifth are validation scans, but none
  whose mask is given.
- **Figures.** Means over the tested scans, measured as by `napari-mcwss evaluate`: *Dice*, in 3-D;
  *HD95* in mm, over the scans where it is defined (`[3/5]`: three of five); *worst*, the Dice of
  the worst scan; *slice Dice*, the mean of a scan's 2-D Dice over the slices where the class is;
  *false slices*, the share of the slices without the class, of all in the file, on which some voxel
  is labelled as it. *Tags unused*: nothing is known of the tested scan. *Own tags*: a class cannot
  be where the scan's tags say absent, and a present tag lets it be, except in `location_prior`.
- **Figures of pictures.** Tags of the tested pictures are unused. *Pooled Dice*: of the pixels of
  all tested pictures together; *mean Dice*: of the pictures that hold the class; *false pictures*:
  the share of the pictures without the class in which some pixel is labelled as it; *AUC*: how
  well the scores of the model tell the pictures with the class from those without, for all classes
  together the mean over the classes.
- **Reading.** ± is the standard deviation over seeds. In brackets: the figure divided by that of
  its ceiling on the same scans; for HD95 and false slices or pictures less is better. Of several
  complete `supervised` rows, the one with the best Dice of the union is the ceiling. Minutes are
  the time to train a fold, reading included, but for slices that an earlier row has encoded; where
  minutes limit a training, they buy fewer epochs on a slow or busy machine. *Made* is the day and
  the commit of the code. *Hours* are a reader's time for what the row learns from: one second for
  the tags of a slice, ten minutes for the mask of a scan.

![Dice of all classes together against hours of a reader](accuracy.png)
"""


def write_table(figures: Path, out: Path) -> None:
    """Write the file anew, but for its remarks.

    Parameters
    ----------
    figures : Path
        Their folder.
    out : Path
        The file.
    """
    cohorts = dict(sorted(read_rows(figures).items()))
    sections = [HEADER, "\n".join(_summary(cohorts))]
    for cohort, rows in cohorts.items():
        sections.append("\n".join(_section(cohort, rows)))
    old = out.read_text(encoding="utf-8") if out.exists() else ""
    remarks = old.partition(f"\n{REMARKS}\n")[2] or "\nNone yet.\n"
    with replacing(out) as path:
        path.write_text("\n".join([*sections, f"{REMARKS}\n{remarks}"]), encoding="utf-8")


def _summary(cohorts: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Write the main rows of all cohorts in one table."""
    yield "## Summary\n"
    cells = []
    for cohort, rows in cohorts.items():
        ceilings = _ceilings(rows)
        main = {row.method: row for row in rows if row.finished and row.summary}
        texts = [_summary_cell(main[name], ceilings) if name in main else "-" for name in METHODS]
        cells.append([cohort, *texts])
    yield from _lines(["cohort", *(f"`{name}`" for name in METHODS)], cells)


def _summary_cell(row: Row, ceilings: Mapping[str, Row]) -> str:
    text = _cell(row, row.columns[0], row.union, ceilings.get(METHODS[row.method].ceiling))
    aucs = row.figures("AUC", row.union, row.scans) if row.pictures else []
    return f"{text}; AUC {fmean(aucs):.2f}" if aucs else text


def _ceilings(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the best finished row of each method that is a ceiling."""
    names = {METHODS[row.method].ceiling for row in rows}
    finished = [row for row in rows if row.method in names and row.finished]
    best = sorted(finished, key=lambda row: fmean(row.main_figures(row.scans) or [0]))
    return {row.method: row for row in best}


def _section(cohort: str, rows: Sequence[Row]) -> Iterator[str]:
    ceilings = _ceilings(rows)
    names, columns = rows[0].names, rows[0].columns
    yield f"## {cohort}\n"
    for name in names:
        yield f"### {cohort}: {name}\n"
        cells = [[row.label, *_cells(row, name, ceilings)] for row in rows]
        yield from _lines([name, *columns], cells)
    if not rows[0].pictures:
        yield f"### {cohort}: Dice of each scan, tags unused ({', '.join(names)})\n"
        yield from _lines(
            ["scan", *(row.label for row in rows)],
            [
                [scan, *(_of_scan(row, scan, names) for row in rows)]
                for scan in sorted(set().union(*(row.scans for row in rows)))
            ],
        )
    yield f"### {cohort}: runs\n"
    titles = ["row", "seeds", "folds", "epochs", "minutes", "hours", "machine", "made", "settings"]
    yield from _lines(titles, [_run(row) for row in rows])


def _lines(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write a Markdown table."""
    for line in (columns, ["---"] * len(columns), *cells):
        yield f"| {' | '.join(line)} |"
    yield ""


def _cells(row: Row, name: str, ceilings: Mapping[str, Row]) -> list[str]:
    ceiling = ceilings.get(METHODS[row.method].ceiling)
    return [_cell(row, column, name, ceiling) for column in row.columns]


def _cell(row: Row, column: str, name: str, ceiling: Row | None) -> str:
    scans = row.scans
    figures = row.figures(column, name, scans)
    if not figures:
        return "-"
    digits = 1 if column.startswith("HD95") else 2
    text = f"{fmean(figures):.{digits}f}"
    if len(figures) > 1:
        text += f" ± {stdev(figures):.{digits}f}"
    if ceiling is not None and row is not ceiling and scans <= ceiling.scans:
        best = ceiling.figures(column, name, scans)
        if best and fmean(best):
            text += f" ({fmean(figures) / fmean(best):.2f})"
    defined = sum(map(len, row.values(column, name, scans)))
    total = len(row.seeds) * (1 if row.pictures else len(scans))
    return text if defined == total else f"{text} [{defined}/{total}]"


def _of_scan(row: Row, scan: str, names: Sequence[str]) -> str:
    """Write the Dice of a scan's classes, mean over seeds."""
    if scan not in row.scans:
        return "-"
    return ", ".join(f"{fmean(row.figures('Dice', name, {scan})):.2f}" for name in names)


def _run(row: Row) -> list[str]:
    settings = row.records[0]["settings"]
    used = [record for record in row.records if record["seed"] in row.seeds]
    left_out = sorted({record["seed"] for record in row.records} - row.seeds.keys())
    return [
        row.label,
        ", ".join(map(str, row.seeds))
        + (f" (unfinished: {', '.join(map(str, left_out))})" if left_out else ""),
        row.folds,
        f"{fmean(record['epochs'] for record in used):.1f}",
        f"{fmean(record['minutes'] for record in used):.1f}",
        f"{row.hours:.2f}",
        "; ".join(sorted({record["machine"] for record in used})),
        "; ".join(sorted({record.get("made", "not noted") for record in used})),
        ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None),
    ]
