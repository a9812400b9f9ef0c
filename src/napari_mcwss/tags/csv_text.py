"""Text of tables as spreadsheet programs save them."""

from __future__ import annotations

import codecs

_DELIMITERS = ",;\t"
"""What lies between cells: Excel takes the semicolon where the comma is the decimal mark."""

_MARK = "sep="
"""Excel can begin a file with this and the delimiter, on a line of its own."""


def table_text(content: bytes) -> tuple[str, str]:
    r"""Decode a table, and find what lies between its cells.

    Returns
    -------
    text : str
        The rows.
    delimiter : str
        A comma, semicolon or tab.

    Raises
    ------
    UnicodeError
        If it is neither UTF-8 nor, with its mark, UTF-16.

    Examples
    --------
    >>> table_text("sep=;\r\nslice;A\r\n".encode("utf-16"))
    ('slice;A\r\n', ';')
    """
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig")
    first, _, others = text.lstrip().partition("\n")
    if first.lower().startswith(_MARK) and (delimiter := first.rstrip("\r")[len(_MARK) :]):
        return others, delimiter[0]
    # Names of classes and scans contain none of these.
    return text, max(_DELIMITERS, key=first.count)


def whole_text(cell: str) -> str:
    """Return a cell without the decimals that data frames and spreadsheets add: 1.0, 1,0.

    Examples
    --------
    >>> whole_text("1.0"), whole_text("0,00"), whole_text("12"), whole_text("0.5")
    ('1', '0', '12', '0.5')
    """
    number, mark, decimals = cell.strip().replace(",", ".").partition(".")
    return number if mark and number.isdecimal() and set(decimals) == {"0"} else cell.strip()
