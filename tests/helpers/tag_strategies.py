"""Tags of all kinds for property tests."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from napari_mcwss.base.errors import McwssError
from napari_mcwss.base.names import check_names
from napari_mcwss.tags import editing
from napari_mcwss.tags.changes import Change
from napari_mcwss.tags.table import Tag, TagTable

# Letters, digits, and what else a name may have in it; any script has letters.
_FIRST = st.sampled_from("aZ_7") | st.characters(categories=["L", "Nd"], codec="utf-8")
_LATER = st.sampled_from(" .+()-_aB0") | _FIRST
_WORDS = st.sampled_from(
    ["scan", "Scan", "tag", "class", "Tag", "1", "0", "present", "unknown", "12", "nan", "1.0", "A"]
)
_ANY = st.builds(lambda first, later: first + later, _FIRST, st.text(_LATER, max_size=12))


def _legal(name: str) -> bool:
    try:
        check_names("scan", [name])
        check_names("class", [name])
    except McwssError:
        return False
    # Some file systems give names back in this form.
    return unicodedata.normalize("NFC", name) == name


NAMES = (_ANY | _WORDS).filter(_legal)
"""Names that scans and classes may have, odd ones above all."""


def unique_names(most: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Return one to `most` names of one study."""
    names = st.lists(NAMES, min_size=1, max_size=most, unique_by=str.casefold)
    return names.map(tuple)


@st.composite
def tables(
    draw: st.DrawFn, slices: int | None = None, classes: Sequence[str] | None = None
) -> TagTable:
    """Return tags of a scan; small ones shrink best."""
    rows = draw(st.integers(1, 6)) if slices is None else slices
    names = draw(unique_names(3)) if classes is None else tuple(classes)
    cells = st.lists(
        st.sampled_from([-1, 0, 1]), min_size=rows * len(names), max_size=rows * len(names)
    )
    return TagTable(names, np.array(draw(cells), np.int8).reshape(rows, len(names)))


Editing = Callable[[TagTable], list[Change]]


@st.composite
def edits(draw: st.DrawFn, slices: int, classes: Sequence[str]) -> Editing:
    """Return something that a reader does at once, as changes of a table of this size."""
    where, other = draw(st.integers(0, slices - 1)), draw(st.integers(0, slices - 1))
    name, tag = draw(st.sampled_from(list(classes))), draw(st.sampled_from(list(Tag)))
    acts: list[Editing] = [
        lambda table: editing.set_tag(table, where, name, tag),
        lambda table: editing.set_range(table, name, where, other),
        lambda table: editing.set_present(table, name, min(where, other), max(where, other)),
        lambda table: editing.set_absent_everywhere(table, name),
        lambda table: editing.set_all_absent(table, where),
        lambda table: editing.set_rest_absent(table, where),
        lambda table: editing.copy_previous(table, where),
        lambda table: editing.clear(table, where),
    ]
    return draw(st.sampled_from(acts))
