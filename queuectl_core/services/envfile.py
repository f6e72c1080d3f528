"""Files of variables, one NAME=VALUE a line, as shells, Docker and systemd know them.

Pure. Nothing is expanded: `$HOME` in a value stays as it is written.
"""

from __future__ import annotations

from queuectl_core.errors import BadData
from queuectl_core.job import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTES = ("'", '"')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "`": "`", "\n": ""}
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


def parse(text: str) -> dict[str, str]:
    r"""Return the variables of a file; of one that comes twice the last counts.

    Blank lines and those that begin with # are passed over, and so is the word `export`. A value in
    single quotes is taken as it is, in double quotes \n, \t, \", \$ and \\ mean what they do
    elsewhere; either may span lines. Without quotes a value ends at the line's end, or before a
    blank and #. Raises BadData with the line.
    """
    variables: dict[str, str] = {}
    lines = enumerate(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), 1)
    for number, line in lines:
        words = line.strip()
        if words and not words.startswith("#"):
            name, value = _name(number, words)
            quoted = value.startswith(_QUOTES)
            variables[name] = _quoted(number, value, lines) if quoted else _plain(value)
    return variables


def _name(number: int, words: str) -> tuple[str, str]:
    name, equals, value = words.partition("=")
    name = name.removeprefix("export ").strip()
    if not equals:
        raise BadData(f"line {number} has no =: {shown(words)}", hint="write NAME=VALUE")
    if not name or not _LETTERS.issuperset(name) or name[0].isdigit():
        raise BadData(f"line {number} has the name {shown(name)}", hint="use letters, digits and _")
    return name, value.strip()


def _plain(value: str) -> str:
    if value.startswith("#"):
        return ""
    for blank in (" #", "\t#"):
        value = value.partition(blank)[0]
    return value.rstrip()


def _quoted(number: int, value: str, lines: Iterator[tuple[int, str]]) -> str:
    """Return what stands between the quotes; takes more lines while they are open."""
    quote, rest = value[0], value[1:]
    while (end := _end(rest, quote)) is None:
        _, line = next(lines, (0, None))
        if line is None:
            raise BadData(f"line {number}: a {quote} is never closed")
        rest = f"{rest}\n{line}"
    after = rest[end + 1 :].strip()
    if after and not after.startswith("#"):
        raise BadData(f"line {number} goes on after the {quote}: {shown(after)}")
    return rest[:end] if quote == "'" else _unescaped(rest[:end])


def _end(text: str, quote: str) -> int | None:
    """Return where the closing quote stands."""
    position = 0
    while position < len(text):
        if text[position] == "\\" and quote == '"':
            position += 1
        elif text[position] == quote:
            return position
        position += 1
    return None


def _unescaped(text: str) -> str:
    """Return the text of double quotes; a backslash before any other letter is one."""
    first, *parts = text.split("\\")
    made, literal = [first], False
    for part in parts:
        if literal:
            made.append(part)
            literal = False
        elif not part:
            made.append("\\")
            literal = True
        else:
            made.append(_ESCAPES.get(part[0], "\\" + part[0]) + part[1:])
    return "".join(made)
