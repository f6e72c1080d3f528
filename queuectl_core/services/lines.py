"""One line, a JSON object or a shell line, made into a checked NewJob: the inner loop of `--stdin`.

Most lines are plain: an object of a few plain fields. They take a short way; whatever is odd or
wrong about a line goes the long way of intake.py, which alone tells what is wrong.
"""

from __future__ import annotations

from _json import make_scanner
from itertools import repeat
from operator import itemgetter

from queuectl_core import job as checks
from queuectl_core.errors import BadData
from queuectl_core.job import NewJob
from queuectl_core.services import intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from queuectl_core.services.intake import Defaults, Fields

    Columns = Mapping[str, Sequence[object]]

MAX_LINE_BYTES = 4 << 20
_CHECKS: Mapping[str, Callable[[object], object]] = {
    "command": checks.check_command,
    "queue": checks.check_queue_to_fill,
    "priority": checks.check_priority,
    "max_retries": checks.check_retries,
    "id": checks.check_id,
    "cwd": checks.check_cwd,
}
"""Fields of which value and check are all there is to know."""


class _Rules(intake.Rules):
    """As intake reads, but without a look at each pair: see _plain."""

    object_pairs_hook = None  # type: ignore[assignment] # the scanner takes None for dict
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own, which empties it after each text


_new = tuple.__new__  # NewJob._make, which counts the values besides: 0.15 us less a line
_SCANNER = make_scanner(_Rules)  # type: ignore[arg-type] # typeshed takes context for itself


class Reader:
    """Reads lines of one stream. `overrides` beat what a line says, `defaults` fill in the rest."""

    def __init__(self, overrides: Fields, defaults: Defaults) -> None:
        self._overrides = overrides
        self._defaults = defaults
        self._usual: list[object] = list(intake.new_job({"command": "true", **overrides}, defaults))
        self._checks = {
            name: (NewJob._fields.index(name), check)
            for name, check in _CHECKS.items()
            if name not in overrides
        }

    def job(self, line: bytes) -> NewJob:
        """Return the job of a line that is not empty; BadData when it is wrong."""
        fields = _plain(line)
        if fields is None:
            fields = _fields(line)
        job = self._filled(fields)
        if job is None:
            job = intake.new_job({**fields, **self._overrides}, self._defaults)
        return job

    def jobs(self, lines: Sequence[bytes]) -> list[NewJob] | None:
        """Return the jobs of lines that are all good and alike, in half the time.

        None where there may be more to say about a line: then each must be looked at by itself.
        """
        columns = _columns(lines)
        if columns is None or not self._checks.keys() >= columns.keys() >= {"command"}:
            return None
        cells: list[Iterable[object]] = [repeat(value) for value in self._usual]
        for name, column in columns.items():
            place, check = self._checks[name]
            if not _holds(check, column):
                return None
            cells[place] = column
        return list(map(_new, repeat(NewJob), zip(*cells, strict=False)))  # repeat ends never

    def _filled(self, fields: Fields) -> NewJob | None:
        """Return the job of plain fields, or None where one needs more than its check."""
        if "command" not in fields:
            return None
        values, known = self._usual.copy(), self._checks
        for name, value in fields.items():
            if name not in known or value is None:
                return None
            place, check = known[name]
            values[place] = check(value)
        return _new(NewJob, values)


def _holds(check: Callable[[object], object], column: Sequence[object]) -> bool:
    """Tell whether all values of a field are of one type, text or whole numbers, and right."""
    if set(map(type, column)) not in ({str}, {int}):
        return False
    try:
        for value in set(column):
            check(value)
    except BadData:
        return False
    return True


def _columns(lines: Sequence[bytes]) -> Columns | None:
    """Return the values by field, where all lines are plain objects or all are plain commands."""
    block = b",\n".join(lines)
    if b"{" in block:
        return _objects(block, len(lines))
    if b"#" in block or b"\r" in block or len(block) > MAX_LINE_BYTES:
        return None
    try:
        return {"command": block.decode().split(",\n")}
    except UnicodeDecodeError:
        return None


def _objects(block: bytes, count: int) -> Columns | None:
    """Read lines of plain objects of the same fields as one JSON text.

    Each line starts and ends with the only braces it has, and no string goes on in the next line
    (the scanner takes no bare newline in one): so each object is a line.
    """
    braces = block.count(b"{"), block.count(b"}"), block.count(b"},\n{") + 1
    if braces != (count,) * 3 or len(block) > MAX_LINE_BYTES or block[:1] + block[-1:] != b"{}":
        return None
    try:
        text = f"[{block.decode()}]"
        objects, _ = _SCANNER(text, 0)
        if text.count(":") != sum(map(len, objects)):  # see _plain
            objects, _ = intake.SCANNER(text, 0)
    except (ValueError, StopIteration, RecursionError, SystemError, BadData):
        return None
    names = tuple(objects[0])
    if set(map(tuple, objects)) != {names}:
        return None
    return {name: list(map(itemgetter(name), objects)) for name in names}


def _plain(line: bytes) -> Fields | None:
    """Return the fields of a JSON object without further ado, or None for any other line.

    A repeated key is lost on this scanner. But each pair has a colon: an object that has as many
    pairs as there are colons in its text had no other pair.
    """
    if not line.startswith(b"{") or len(line) > MAX_LINE_BYTES:
        return None
    try:
        text = line.decode()
        fields, end = _SCANNER(text, 0)
    except (ValueError, StopIteration, RecursionError, SystemError, BadData):
        return None
    if end < len(text) or text.count(":") != len(fields):
        return None
    plain: Fields = fields
    return plain


def _fields(line: bytes) -> Fields:
    if len(line) > MAX_LINE_BYTES:
        raise BadData(f"the line is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        text = line.decode("utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise BadData(f"not valid UTF-8 at byte {error.start + 1}") from error
    return intake.read_objects(text)[0] if text.lstrip().startswith("{") else {"command": text}
