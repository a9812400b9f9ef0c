"""Tags that were exported are the same when they are imported, whatever the names."""

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np
import pytest
from helpers.tag_strategies import tables, unique_names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_mcwss.study.study import Study
from napari_mcwss.study.tag_exchange import apply_import, export_tags, plan_import
from napari_mcwss.tags.table import Tag, TagTable

Tags = dict[str, TagTable]
CLASSES = unique_names(3)

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def distinct_from_the_columns(classes: Sequence[str]) -> bool:
    """Whether one file can have a column of scans and one for each of these classes."""
    lower = {name.lower() for name in classes}
    return "scan" not in lower and not {"class", "tag"} <= lower


@st.composite
def tagged_scans(draw: st.DrawFn, names: st.SearchStrategy[tuple[str, ...]] = CLASSES) -> Tags:
    """Give scans of one to three slices with tags of the same classes."""
    classes = draw(names)
    return {scan: draw(tables(draw(st.integers(1, 3)), classes)) for scan in draw(unique_names(3))}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of one to three slices."""
    folder = tmp_path_factory.mktemp("volumes")
    for slices in (1, 2, 3):
        image = nibabel.Nifti1Image(np.zeros((2, 2, slices), np.float32), np.eye(4))
        nibabel.save(image, folder / f"{slices}.nii")
    return folder


@contextmanager
def studies(volumes: Path, tags: Tags) -> Iterator[tuple[Study, Study]]:
    """Give a study with tags, and an empty one of the same scans and classes."""
    folder = Path(tempfile.mkdtemp())
    scans = {scan: [volumes / f"{len(table.values)}.nii"] for scan, table in tags.items()}
    classes = next(iter(tags.values())).classes
    tagged, empty = (
        Study.create(folder / name, scans=scans, channels=["t1"], classes=classes)
        for name in ("tagged", "empty")
    )
    tagged.tags.write(tags)
    yield tagged, empty
    shutil.rmtree(folder)


def values(study: Study) -> dict[str, list[list[int]]]:
    return {scan: study.tags.read(scan).values.tolist() for scan in study.scan_names}


def take_over(study: Study, *paths: Path) -> None:
    apply_import(study, plan_import(study, paths), overwrite=False)


def spreadsheet(data: st.DataObject, rows: list[list[str]]) -> bytes:
    """Write rows as some spreadsheet program does, sorted otherwise."""
    header, *others = rows
    order = data.draw(st.permutations(range(len(header))))
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter=data.draw(st.sampled_from(",;\t")),
        quoting=data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=data.draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    writer.writerows(
        [row[n] for n in order] for row in [header, *data.draw(st.permutations(others))]
    )
    return text.getvalue().encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig"])))


@many
@given(tags=tagged_scans(), data=st.data())
def test_the_long_form_that_is_exported_comes_back(volumes: Path, tags: Tags, data: st.DataObject):
    with studies(volumes, tags) as (tagged, empty):
        path = tagged.folder / "out.csv"
        known = sum(int((table.values != Tag.UNKNOWN).sum()) for table in tags.values())
        assert export_tags(tagged, path) == known
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
        if data.draw(st.booleans()):
            path.write_bytes(spreadsheet(data, rows))
        take_over(empty, path)
        assert values(empty) == values(tagged)


@many
@given(tags=tagged_scans(CLASSES.filter(distinct_from_the_columns)), data=st.data())
def test_the_wide_form_comes_back(volumes: Path, tags: Tags, data: st.DataObject):
    classes = next(iter(tags.values())).classes
    cells = {Tag.UNKNOWN: "", Tag.ABSENT: "0", Tag.PRESENT: "1"}
    with studies(volumes, tags) as (tagged, empty):
        rows = [["scan", "slice", *classes]]
        for scan, table in tags.items():
            for index, row in enumerate(table.values.tolist()):
                rows.append([scan, str(index), *(cells[Tag(tag)] for tag in row)])
        path = tagged.folder / "wide.csv"
        path.write_bytes(spreadsheet(data, rows))
        take_over(empty, path)
        assert values(empty) == values(tagged)


@many
@given(tags=tagged_scans())
def test_the_files_of_a_study_come_back(volumes: Path, tags: Tags):
    with studies(volumes, tags) as (tagged, empty):
        files = [tagged.folder / "tags" / f"{scan}.csv" for scan in tags]
        take_over(empty, *(file for file in files if file.exists()))
        assert values(empty) == values(tagged)


@many
@given(tags=tagged_scans(), data=st.data())
def test_another_study_comes_in_beside_other_tags_and_goes_as_one_step(
    volumes: Path, tags: Tags, data: st.DataObject
):
    overwrite = data.draw(st.booleans())
    with studies(volumes, tags) as (tagged, other):
        other.tags.write(
            {
                scan: data.draw(tables(len(table.values), table.classes))
                for scan, table in tags.items()
            }
        )
        before = values(other)
        plan = plan_import(other, [tagged.folder])
        changed = apply_import(other, plan, overwrite=overwrite)
        assert changed == plan.counts().new + (len(plan.conflicts) if overwrite else 0)
        for scan, table in tags.items():
            here, there = np.array(before[scan]), table.values
            taken = there != Tag.UNKNOWN
            if not overwrite:
                taken &= here == Tag.UNKNOWN
            assert other.tags.read(scan).values.tolist() == np.where(taken, there, here).tolist()
        if changed:
            other.tags.undo()
        assert values(other) == before
