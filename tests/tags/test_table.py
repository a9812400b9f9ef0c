"""Tags are a table that spreadsheets read and damage is told."""

import numpy as np
import pytest

from napari_mcwss.base.errors import McwssError
from napari_mcwss.tags.table import Tag, TagTable

CLASSES = ("TC", "ED")
CSV = "slice,TC,ED\n0,1,0\n1,,1\n2,,\n"
VALUES = [[1, 0], [-1, 1], [-1, -1]]


def read(path, text, slices=3, classes=CLASSES):
    path.write_text(text, encoding="utf-8")
    return TagTable.read_csv(path, slices, classes)


def test_tags_are_set_and_counted():
    table = TagTable.empty(3, CLASSES)
    assert not table.tagged.any()
    table.set(0, "TC", Tag.PRESENT)
    table.set(2, "TC", Tag.ABSENT)
    assert table.get(0, "TC") is Tag.PRESENT
    assert table.get(0, "ED") is Tag.UNKNOWN
    assert table.tagged.tolist() == [True, False, True]
    assert table.count("TC") == {Tag.PRESENT: 1, Tag.ABSENT: 1, Tag.UNKNOWN: 1}


def test_a_key_goes_round_the_three_tags():
    assert [tag.next for tag in (Tag.UNKNOWN, Tag.PRESENT, Tag.ABSENT)] == [
        Tag.PRESENT,
        Tag.ABSENT,
        Tag.UNKNOWN,
    ]


def test_copy_is_independent():
    table = TagTable.empty(3, CLASSES)
    table.copy().set(0, "TC", Tag.PRESENT)
    assert not table.tagged.any()


def test_update_takes_over_what_is_known():
    table = TagTable(CLASSES, np.array(VALUES, np.int8))
    table.update(TagTable(("ED",), np.array([[1], [-1], [0]], np.int8)))
    assert table.values.tolist() == [[1, 1], [-1, 1], [-1, 0]]


@pytest.mark.parametrize(
    ("slices", "classes", "message"), [(4, CLASSES, "4 slices"), (3, ("XX",), "class 'XX'")]
)
def test_update_from_something_else_is_refused(slices, classes, message):
    table = TagTable(CLASSES, np.array(VALUES, np.int8))
    with pytest.raises(McwssError, match=message):
        table.update(TagTable.empty(slices, classes))
    assert table.values.tolist() == VALUES


@pytest.mark.parametrize("slice_index", [-1, 3, 200])
def test_no_such_slice(slice_index):
    table = TagTable.empty(3, CLASSES)
    for act in (
        lambda: table.set(slice_index, "TC", Tag.PRESENT),
        lambda: table.get(slice_index, "TC"),
    ):
        with pytest.raises(McwssError, match=f"slice {slice_index} does not exist.*0 to 2"):
            act()
    assert not table.tagged.any()


def test_no_such_class():
    with pytest.raises(McwssError, match="class 'XX' does not exist: expected TC, ED"):
        TagTable.empty(3, CLASSES).set(0, "XX", Tag.PRESENT)


class TestCsv:
    def test_is_plain(self, tmp_path):
        TagTable(CLASSES, np.array(VALUES, np.int8)).write_csv(tmp_path / "a.csv")
        assert (tmp_path / "a.csv").read_bytes().decode() == CSV

    def test_comes_back(self, tmp_path):
        table = read(tmp_path / "a.csv", CSV)
        assert table.classes == CLASSES
        assert table.values.dtype == np.int8
        assert table.values.tolist() == VALUES

    @pytest.mark.parametrize(
        "text",
        [
            "\ufeff" + CSV,
            CSV.replace("\n", "\r\n"),
            "slice,TC,ED\n2,,\n0,1,0\n1,,1\n",
            "slice,ED,TC\n0,0,1\n1,1,\n2,,\n",
            'slice,"TC","ED"\n"0","1","0"\n1, ,1 \n2,,\n\n',
            CSV.replace(",", ";").replace("\n", "\r\n"),
            "sep=;\n" + CSV.replace(",", ";"),
            CSV.replace(",", "\t"),
            "slice,TC,ED\n0,1.0,0.0\n1,,1.0\n2,,\n",
            "slice;TC;ED\n0,0;1,0;0,0\n1,0;;1,0\n2,0;;\n",
            "slice,TC,ED\n0,1,0\n1,,1\n2\n",
            "slice,TC,ED,,\n0,1,0,,\n1,,1,,\n2,,,,\n",
        ],
        ids=[
            *("byte order mark", "Windows", "sorted otherwise", "columns moved", "quoted"),
            *("semicolons", "delimiter named", "tabs", "data frame", "decimal comma"),
            *("empty cells left out", "empty columns"),
        ],
    )
    def test_may_have_been_through_a_spreadsheet(self, tmp_path, text):
        assert read(tmp_path / "a.csv", text).values.tolist() == VALUES

    def test_may_lack_a_class_added_later(self, tmp_path):
        table = read(tmp_path / "a.csv", CSV, classes=("TC", "NEW", "ED"))
        assert table.values.tolist() == [[1, -1, 0], [-1, -1, 1], [-1, -1, -1]]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (CSV.replace("0,1,0", "0,yes,0"), "'yes,0' in slice 0.*1 .present."),
            (CSV.replace("0,1,0", "0,2,0"), "'2,0' in slice 0"),
            (CSV.replace("0,1,0", "0,1.5,0"), "'1.5,0' in slice 0"),
            (CSV.replace("0,1,0", "0,1,0,1"), "'1,0,1' in slice 0"),
            (CSV + "3,1,1\n", "has 4 slices, its scan 3"),
            (CSV.replace("2,,\n", ""), "has 2 slices, its scan 3"),
            (CSV.replace("2,,\n", "1,,\n"), "names slice '1'.*each once"),
            (CSV.replace("2,,\n", "01,,\n"), "names slice '01'.*each once"),
            (CSV.replace("2,,\n", "7,,\n"), "names slice '7'"),
            (CSV.replace("2,,\n", "x,,\n"), "names slice 'x'"),
            (CSV.replace("ED", "XX"), "columns slice, TC, XX: expected slice, TC, ED"),
            (CSV.replace("ED", "TC"), "columns slice, TC, TC"),
            (CSV.replace("slice", "index"), "columns index"),
            ("", "is empty: expected a table of tags"),
            ('slice,TC,ED\n0,"1,0\n', "cannot be read"),
        ],
    )
    def test_damage_is_told_and_left(self, tmp_path, text, message):
        with pytest.raises(McwssError, match=f"a.csv.*{message}") as told:
            read(tmp_path / "a.csv", text)
        assert "left untouched" in str(told.value)
        assert "\n" not in str(told.value)
        assert (tmp_path / "a.csv").read_text("utf-8") == text

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_is_read_in_the_encodings_of_spreadsheets(self, tmp_path, encoding):
        text = CSV.replace("TC", "Ödem").replace(",", "\t")
        (tmp_path / "a.csv").write_text(text, encoding=encoding)
        table = TagTable.read_csv(tmp_path / "a.csv", 3, ("Ödem", "ED"))
        assert table.values.tolist() == VALUES

    def test_bytes_that_are_no_text(self, tmp_path):
        (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00PK")
        with pytest.raises(McwssError, match="cannot be read as a table"):
            TagTable.read_csv(tmp_path / "a.csv", 3, CLASSES)
