"""How many columns a text takes on a terminal, and how to cut it to a number of them."""

from __future__ import annotations

from bisect import bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ELLIPSIS = "…"
_VARIATION_16 = "\ufe0f"
_FIRST_OTHER = "\u0300"
_BEYOND = 0x110000


def width(text: str) -> int:
    """Return the columns that a line without control characters takes."""
    return len(text) if text.isascii() else sum(_widths(text))


def cut(text: str, columns: int) -> str:
    """Return the text, or as much of its beginning as fits with an ellipsis behind it."""
    if width(text) <= columns:
        return text
    if columns < 1:
        return ""
    room, end = columns - 1, 0
    for taken in _widths(text):
        room -= taken
        if room < 0:
            break
        end += 1
    return text[:end] + ELLIPSIS


def pad(text: str, columns: int) -> str:
    """Return the text with blanks up to a number of columns."""
    return text + " " * (columns - width(text))


def _widths(text: str) -> Iterator[int]:
    """Yield what each character takes; a sign that is told to be a picture takes two columns."""
    before = 1
    for letter in text:
        if letter == _VARIATION_16:
            yield 1 if before == 1 else 0
            continue
        before = 1 if letter < _FIRST_OTHER else _width_of(ord(letter))
        yield before


_ranges: list[tuple[int, int, int]] = []
"""First, last and width of the characters that are not one column wide; read at the first need."""


def _width_of(code: int) -> int:
    if not _ranges:
        from queuectl_core.cli import width_table  # noqa: PLC0415 - only where text is not ASCII

        _ranges.extend(_read(width_table.WIDE, 2))
        _ranges.extend(_read(width_table.NONE, 0))
        _ranges.sort()
    _, last, columns = _ranges[bisect_right(_ranges, (code, _BEYOND, 0)) - 1]
    return columns if code <= last else 1


def _read(ranges: str, columns: int) -> Iterator[tuple[int, int, int]]:
    last = 0
    for word in ranges.split():
        first, _, more = word.partition("-")
        start = last + int(first, 16)
        last = start + int(more or "0", 16)
        yield start, last, columns
