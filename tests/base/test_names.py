"""Names are accepted or refused for a true reason, the same on every system."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import check_names, refuse_alike, valid_names

NFC, NFD = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "name",
    [
        *("pat0001", "core (2)", "t1+c", "_x", "3.5T"),
        *(NFC, NFD, "เนื้องอก", "ट्यूमर", "क्\u200dष", "腫瘍", "опухоль", "ورم"),
        *("console", "com", "com10", "auxiliary", "nullify"),
    ],
)
def test_names_of_every_script_are_accepted(name):
    check_names("scan", [name])


@pytest.mark.parametrize(
    "name",
    [
        *("", " x", "x ", "x.", ".x", "-x", "a/b", "a\\b", "a:b", "a\nb", "a\0b"),
        *("\u0301a", "a\u200d", "\ud800", "\u202ea", "a[/bold]", "a" * 101, "腫" * 77),
    ],
)
def test_names_of_no_file_are_refused(name):
    with pytest.raises(McwssError, match="is not a valid file name on all systems: use up to"):
        check_names("scan", [name])


@pytest.mark.parametrize("name", ["CON", "con", "Aux.1", "nul", "COM1", "lpt9", "PRN .a"])
def test_names_of_devices_are_refused_unless_they_are_in_use(name):
    with pytest.raises(McwssError, match="Windows keeps it for a device"):
        check_names("scan", [name])
    check_names("scan", [name], known=[name])


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a", "a"), "'a' occurs twice"),
        (("a", "A"), "'A' differs from 'a' only in case"),
        (("straße", "STRASSE"), "only in case"),
        ((NFC, NFD), "only in how letters with accents are stored"),
        ((NFC, NFD.upper()), "only in case"),
    ],
)
def test_names_that_a_file_system_may_not_tell_apart_are_refused(names, reason):
    with pytest.raises(McwssError, match=reason):
        check_names("scan", names)
    if names[0] != names[1]:
        with pytest.raises(McwssError, match=reason):
            refuse_alike("model", names[1], ["other", names[0]])
    refuse_alike("model", names[0], ["other", names[0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("O'Brien, Seán (2)", "OBrien Seán (2)"),
        ("O\u2019Brien, Sea\u0301n", "OBrien Seán"),
        *(("Smith,John", "Smith_John"), ("ID#12", "ID_12"), ("50%", "50"), ("a\ud800b", "a_b")),
        *((".x.", "_.x"), ("(1)", "_(1)"), ("\u0301a", "_\u0301a"), ("?", "_")),
        *(("con", "_con"), ("Aux.1", "_Aux.1"), ("con" + " " * 99 + "x", "_con")),
        *(("a" * 200, "a" * 99), ("腫" * 90, "腫" * 76)),
        *((NFD, NFD), ("core (2)", "core (2)"), ("a" * 100, "a" * 100)),
    ],
)
def test_names_of_folders_are_made_valid_and_valid_ones_stay(name, expected):
    assert valid_names([name]) == {name: expected}


def test_names_that_become_alike_get_numbers_and_valid_ones_stay():
    names = ["O'Brien", "OBRIEN", "O`Brien", "a" * 101, "a" * 102]
    made = ["OBrien-2", "OBRIEN", "OBrien-3", "a" * 99, "a" * 97 + "-2"]
    assert valid_names(names) == dict(zip(names, made, strict=True))


@given(st.lists(st.text(st.characters(), max_size=120), unique=True, max_size=6))
def test_whatever_folders_are_called_their_scans_have_different_valid_names(names):
    made = valid_names(names)
    assert [*made] == names
    check_names("scan", [made[name] for name in names if made[name] != name])
    for name in names:
        check_names("scan", [made[name]])
