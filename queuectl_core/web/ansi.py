"""What a job wrote, made fit for a page: colours become classes, other escapes are left out.

Only SGR (`ESC [ ... m`, ECMA-48 8.3.117) is understood. A line that was drawn over with carriage
returns, as progress bars do, shows what stood there last.
"""

from __future__ import annotations

import re

from bottle import html_escape as escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]*)m"  # SGR: the only group
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS and their like, with their text
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Besides controls: what turns the direction of the text around it (CVE-2021-42574)."""
_MARKS = {1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "inverse", 9: "strike"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("under",), 27: ("inverse",), 29: ("strike",)}
_CUBE, _GREYS = 16, 232
_EXTENDED = {"38": "fg", "48": "bg"}
STYLE = re.compile(
    r"(?:(?:bold|dim|italic|under|inverse|strike|fg[0-9]{1,2}|bg[0-9]{1,2})(?: |$))*"
)
"""What a style may be that comes back from a browser."""


class Painter:
    """Turns lines into HTML. The style goes on from one line to the next, as on a terminal."""

    def __init__(self, style: str = "") -> None:
        known = style if STYLE.fullmatch(style) else ""
        self._style = {_kind(name): name for name in known.split()}

    @property
    def style(self) -> str:
        """The classes in force: what a painter of the next part is given."""
        return " ".join(sorted(self._style.values()))

    def html(self, line: str) -> str:
        """Return one line, without its end, as escaped text in spans."""
        return "".join(
            f'<span class="{style}">{escape(text)}</span>' if style else escape(text)
            for style, text in self._parts(_drawn(line))
        )

    def _parts(self, line: str) -> Iterator[tuple[str, str]]:
        at = 0
        for found in _SEQUENCE.finditer(line):
            if text := _CONTROLS.sub("", line[at : found.start()]):
                yield self.style, text
            at = found.end()
            if found[1] is not None:
                self._apply(found[1])
        if text := _CONTROLS.sub("", line[at:]):
            yield self.style, text

    def _apply(self, parameters: str) -> None:
        words = parameters.replace(":", ";").split(";")
        while words:
            word = words.pop(0)
            if word in _EXTENDED:
                kind = _EXTENDED[word]
                colour = _extended(words)
                if colour is not None:
                    self._style[kind] = f"{kind}{colour}"
            elif len(word) <= 3:  # noqa: PLR2004 - the longest that means something
                self._set(int(word or 0))

    def _set(self, code: int) -> None:
        if code == 0:
            self._style.clear()
        elif code in _MARKS:
            self._style[_MARKS[code]] = _MARKS[code]
        elif code in _OFF:
            for name in _OFF[code]:
                self._style.pop(name, None)
        elif code in {39, 49}:
            self._style.pop("fg" if code == 39 else "bg", None)  # noqa: PLR2004 - SGR's own
        else:
            self._colour(code)

    def _colour(self, code: int) -> None:
        for first, kind, base in ((30, "fg", 0), (40, "bg", 0), (90, "fg", 8), (100, "bg", 8)):
            if first <= code < first + 8:
                self._style[kind] = f"{kind}{base + code - first}"


def _kind(name: str) -> str:
    return name[:2] if name[:2] in {"fg", "bg"} else name


def _drawn(line: str) -> str:
    """Return what is to be seen of a line in which the cursor went back to its beginning."""
    drawn = line.removesuffix("\r")
    return drawn if "\r" not in drawn else drawn[drawn.rindex("\r") + 1 :]


def _extended(words: list[str]) -> int | None:
    """Take `5;N` or `2;R;G;B` and return the nearest of the 16 colours: classes are not endless."""
    mode = words.pop(0) if words else ""
    count = {"5": 1, "2": 3}.get(mode, 0)
    values = [int(word) for word in words[:count] if word.isdigit() and len(word) <= 3]  # noqa: PLR2004
    del words[:count]
    if not count or len(values) < count or max(values) > 255:  # noqa: PLR2004 - a byte
        return None
    return _nearest(*values) if mode == "2" else _indexed(values[0])


def _indexed(number: int) -> int:
    if number < _CUBE:
        return number
    if number >= _GREYS:
        grey = 8 + 10 * (number - _GREYS)
        return _nearest(grey, grey, grey)
    number -= _CUBE
    red, green, blue = (51 * place for place in (number // 36, number // 6 % 6, number % 6))
    return _nearest(red, green, blue)


def _nearest(red: int, green: int, blue: int) -> int:
    """Return one of the 16 colours: by which parts are strong, and how bright it is."""
    high = max(red, green, blue)
    low = min(red, green, blue)
    if high - low < 40:  # noqa: PLR2004 - a grey
        return next(
            colour for edge, colour in ((50, 0), (130, 8), (215, 7), (256, 15)) if high < edge
        )
    middle = (high + low) // 2
    colour = (red > middle) + 2 * (green > middle) + 4 * (blue > middle)
    return colour + 8 if high > 200 else colour  # noqa: PLR2004 - bright
