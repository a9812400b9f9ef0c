"""Tables for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def html_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as HTML, every text of it escaped.

    Examples
    --------
    >>> html_table("a < b", ["scan"], [["pat0001"]])
    '<table><caption>a &lt; b</caption><tr><th>scan</th></tr><tr><td>pat0001</td></tr></table>'
    """

    def row(cells: Sequence[object], tag: str) -> str:
        return "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells)

    body = [row(headings, "th"), *(row(cells, "td") for cells in rows)]
    lines = "".join(f"<tr>{cells}</tr>" for cells in body)
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"
