"""Tags come back from whatever a spreadsheet makes of them, or a line says why not."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.class_names import ClassNames
from napari_mcwss.tags.spreadsheets import read_spreadsheets, write_long
from napari_mcwss.tags.table import TagTable

CLASSES = ("TC", "ED")
SLICES = {"a": 3, "b": 2}

LONG = "scan,slice,class,tag\na,0,TC,present\na,0,ED,absent\na,1,ED,present\nb,1,TC,absent\n"
WIDE = "scan,slice,TC,ED\na,0,1,0\na,1,,1\na,2,,\nb,1,0,\n"
VALUES = {"a": [[1, 0], [-1, 1], [-1, -1]], "b": [[-1, -1], [0, -1]]}


def slices_of(scan):
    if scan not in SLICES:
        raise McwssError(f"no scan {scan!r} in this study: expected a, b")
    return SLICES[scan]


def read(*paths, classes=CLASSES):
    tables = read_spreadsheets(paths, ClassNames(classes), slices_of)
    assert all(table.classes == classes for table in tables.values())
    return {scan: table.values.tolist() for scan, table in tables.items()}


@pytest.fixture
def file(tmp_path):
    def write(text, name="tags.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def changes_of_spreadsheets(text):
    lines = text.splitlines()
    return {
        "plain": text,
        "byte order mark": "\ufeff" + text,
        "semicolons": text.replace(",", ";"),
        "tabs": text.replace(",", "\t"),
        "Windows": "\ufeff" + text.replace(",", ";").replace("\n", "\r\n"),
        "old Macintosh": text.replace("\n", "\r"),
        "delimiter named": "sep=;\n" + text.replace(",", ";"),
        "numbers with decimals": text.replace("a,1,", "a,1.0,"),
        "capitals": text.replace("slice", "Slice").replace("scan", "SCAN"),
        "quoted": text.replace("a,0", '"a","0"'),
        "blanks": text.replace("a,0", "a , 0"),
        "empty lines": "\n" + text.replace("\na,1", "\n,,,\n\na,1"),
        "empty columns": text.replace("\n", ",,\n"),
        "last line without end": text.rstrip("\n"),
        "sorted otherwise": "\n".join([lines[0], *reversed(lines[1:])]),
    }


@pytest.mark.parametrize("change", changes_of_spreadsheets(LONG))
@pytest.mark.parametrize("form", [LONG, WIDE], ids=["long", "wide"])
def test_it_may_have_been_through_a_spreadsheet(file, form, change):
    assert read(file(changes_of_spreadsheets(form)[change])) == VALUES


@pytest.mark.parametrize(
    "text",
    [
        LONG.replace("present", "1").replace("absent", "0"),
        LONG.replace("present", "Present").replace("absent", "ABSENT"),
        LONG + "a,2,TC,unknown\na,2,ED,\n",
        "tag,note,class,slice,scan\n1,sure,TC,0,a\n0,,ED,0,a\n1,,ED,1,a\n0,,TC,1,b\n",
        WIDE.replace(",1", ",1.0").replace("a,1.0,", "a,1,").replace("b,1.0,", "b,1,"),
        "slice,ED,scan,TC\n0,0,a,1\n1,1,a,\n1,,b,0\n",
    ],
    ids=["numbers", "capitals", "unknown", "moved columns", "data frame", "moved classes"],
)
def test_forms_and_words_that_mean_the_same(file, text):
    assert read(file(text)) == VALUES


def test_a_file_without_a_column_of_scans_is_called_like_its_scan(file):
    a = file("slice,TC,ED\n0,1,0\n1,,1\n2,,\n", "a.csv")
    b = file("slice\tTC\n1\t0\n", "b.tsv")
    assert read(a, b) == VALUES


def test_the_studys_own_files_are_read(tmp_path):
    table = TagTable(CLASSES, np.array(VALUES["a"], np.int8))
    table.write_csv(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv") == {"a": VALUES["a"]}


@pytest.mark.parametrize("name", ["scan", "Scan"])
def test_a_class_may_be_called_scan(file, name):
    path = file(f"slice,{name}\n0,1\n", "b.csv")
    assert read(path, classes=(name,)) == {"b": [[1], [-1]]}


def test_long_form_comes_back(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(20):
        tables = {
            scan: TagTable(CLASSES, generator.integers(-1, 2, (slices, 2)).astype(np.int8))
            for scan, slices in SLICES.items()
        }
        known = sum(int((table.values != -1).sum()) for table in tables.values())
        path = tmp_path / f"{number}.csv"
        assert write_long(path, tables.items()) == known
        found = read(path)
        for scan, table in tables.items():
            values = found.get(scan, TagTable.empty(SLICES[scan], CLASSES).values.tolist())
            assert values == table.values.tolist()


def test_long_form_is_plain(tmp_path):
    tables = {scan: TagTable(CLASSES, np.array(v, np.int8)) for scan, v in VALUES.items()}
    write_long(tmp_path / "out.csv", tables.items())
    assert (tmp_path / "out.csv").read_bytes().decode() == LONG


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LONG.replace("a,1,ED", "c,1,ED"), r"line 4: no scan 'c'.*expected a, b"),
        (LONG.replace("a,1,ED", "a,3,ED"), r"line 4: scan a has no slice '3': expected 0 to 2"),
        (LONG.replace("a,1,ED", "a,-1,ED"), r"line 4: scan a has no slice '-1'"),
        (LONG.replace("a,1,ED", "a,,ED"), r"line 4: scan a has no slice '': expected 0 to 2"),
        (LONG.replace("a,1,ED", "a,1,XX"), r"line 4: the study has no class 'XX': expected TC, ED"),
        (LONG.replace("a,1,ED,present", "a,1,ED,yes"), r"line 4: 'yes' is not a tag: expected"),
        (LONG.replace("a,1,ED,present", "a,1,ED"), r"line 4: found 3 cells: expected 4"),
        (LONG.replace("a,1,ED,present", "a,1,ED,0,1"), r"line 4: found 5 cells: expected 4"),
        (LONG.replace("a,1,ED,present", 'a,1,ED,"pre'), r"line 5 is not a row of a table"),
        (LONG.replace("tag", "value"), r"line 1: found the columns scan, slice, class, value: "),
        (LONG.replace("slice", "scan"), r"line 1: found the columns scan, scan, class, tag: "),
        (
            WIDE.replace("ED", "XX"),
            r"line 1: found the columns scan, slice, TC, XX: expected the columns .*ED",
        ),
        (WIDE.replace("ED", "TC"), r"found the columns scan, slice, TC, TC: .*each once"),
        (WIDE.replace("TC,ED", ","), r"found the columns scan, slice: "),
        (WIDE.replace("slice", "index"), r"found the columns scan, index, TC, ED: "),
        (WIDE.replace("a,0,1,0", "a,0,1,2"), r"line 2: '2' is not a tag"),
        ("slice,TC\n0,1\n", r"line 2: no scan 'tags'.*add a column scan, or name the file after"),
        (
            f"no {'table ' * 50}",
            r"found the columns no table table [a-z ]{20,30}…: expected the columns",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(file, text, message):
    path = file(text)
    with pytest.raises(McwssError, match=rf"tags\.csv', .*{message}") as told:
        read(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n,,\n"])
def test_an_empty_file_is_called_empty(file, text):
    with pytest.raises(McwssError, match=r"tags\.csv' is empty: expected the columns scan, slice"):
        read(file(text))


def test_cells_of_a_file_that_is_no_table_are_not_quoted_in_full(file):
    long = "word " * 100
    for text in (
        LONG.replace("present", long, 1),
        LONG.replace("ED", long),
        WIDE + f"a,{long},1,1",
    ):
        with pytest.raises(McwssError) as told:
            read(file(text))
        assert len(str(told.value)) < 400


def test_a_file_that_contradicts_itself_or_another_is_refused(file):
    one, other = file(LONG), file("scan;slice;class;tag\na;1;ED;0\n", "other.csv")
    message = r"other\.csv', line 2: scan a, slice 1, class ED is absent here, but present in .*"
    with pytest.raises(McwssError, match=message + r"tags\.csv', line 4"):
        read(one, other)
    with pytest.raises(McwssError, match=r"line 6: .* but present in '.*tags\.csv', line 2"):
        read(file(LONG + "a,0,TC,0\n"))
    assert read(file(LONG + "a,0,TC,1\n")) == VALUES


def test_other_encodings_are_told(file):
    path = file(LONG.replace("TC", "Ödem"), encoding="cp1252")
    with pytest.raises(McwssError, match=r"is not text in UTF-8.*CSV UTF-8"):
        read(path)


def test_utf_16_is_read(file):
    assert read(file(LONG, encoding="utf-16")) == VALUES


def test_empty_cells_at_the_end_of_a_row_may_be_left_out(file):
    assert read(file("\n".join(line.rstrip(",") for line in WIDE.splitlines()))) == VALUES


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(McwssError, match=r"cannot read '.*no\.csv': No such file"):
        read(tmp_path / "no.csv")
