"""The search box of the jobs page: words and qualifiers made into a Selection and further tests.

    state:dead,failed  queue:mail  tag:nightly  created:<2h  created:>7d  id:report
    prio:>=8  exit:1  worker:3  attempts:>=2  run:>30s  error:"no such file"  -queue:mail  rsync
    reason:held  mutex:db

What the store can find by itself goes into the Selection; the rest is tested on the jobs that it
finds. A word that is none of these is part of the command, the id or the error.
"""

from __future__ import annotations

import operator
import re

from queuectl_core.durations import parse_duration_ms
from queuectl_core.errors import BadData, QueuectlError
from queuectl_core.records import Record
from queuectl_core.selection import Selection
from queuectl_core.services import jobs, selections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.job import Job

    Test = Callable[[Job], bool]

MAX_CHARACTERS = 500
_WORD = re.compile(
    r"""(?P<minus>-?)(?:(?P<name>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))"""
)
_COMPARISON = re.compile(r"(>=|<=|>|<|)(.+)")
_OPERATORS: Mapping[str, Callable[[int, int], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "": operator.eq,
}
QUALIFIERS: Mapping[str, str] = {
    "state": "state:dead,failed",
    "queue": "queue:mail",
    "tag": "tag:nightly",
    "id": "id:report",
    "created": "created:<2h",
    "prio": "prio:>=8",
    "exit": "exit:1",
    "worker": "worker:3",
    "attempts": "attempts:>=2",
    "run": "run:>30s",
    "error": 'error:"no such file"',
    "reason": "reason:held",
    "mutex": "mutex:db",
}
"""Each qualifier with an example."""


class Query(Record):
    """What was asked for. `problems` says what in it makes no sense; then it finds none."""

    text: str
    selection: Selection
    tests: Sequence[Test] = ()
    problems: Sequence[str] = ()

    def fits(self, job: Job) -> bool:
        """Tell whether a job that the selection found passes the tests too."""
        return all(test(job) for test in self.tests)


def parse(text: str, *, now_ms: int) -> Query:
    """Return the query that a text means; wrong words are named in `problems`."""
    reader = _Reader(now_ms)
    if len(text) > MAX_CHARACTERS:
        return Query(text[:MAX_CHARACTERS], Selection(), problems=("that search is too long",))
    for found in _WORD.finditer(text):
        try:
            reader.take(found)
        except QueuectlError as error:
            reader.problems.append(f"{error}; {error.hint}" if error.hint else str(error))
    return reader.query(text)


class _Reader:
    """Collects what the words of one text ask for."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._selection = Selection()
        self._tests: list[Test] = []
        self._plain: list[str] = []
        self.problems: list[str] = []

    def take(self, found: re.Match[str]) -> None:
        """Add one word; raises BadData for what makes no sense."""
        name = found["name"]
        value = found["quoted"] if found["quoted"] is not None else found["plain"]
        if name is None or value.startswith("//"):  # the second: a URL, not a qualifier
            self._word(found, value if name is None else f"{name}:{value}")
            return
        if name.lower() not in QUALIFIERS:
            raise BadData(
                f'there is no qualifier "{name[:30]}:"', hint="known are " + ", ".join(QUALIFIERS)
            )
        if found["minus"]:
            test = self._test(name.lower(), value)
            self._tests.append(lambda job: not test(job))
        elif not self._select(name.lower(), value):
            self._tests.append(self._test(name.lower(), value))

    def query(self, text: str) -> Query:
        """Return all that was asked for."""
        selection = self._selection
        if self._plain:
            selection = selection._replace(grep=" ".join(self._plain))
        return Query(text, selection, tuple(self._tests), tuple(self.problems))

    def _word(self, found: re.Match[str], text: str) -> None:
        if found["minus"] and text:
            lowered = text.lower()
            self._tests.append(lambda job: lowered not in _text(job))
        elif text:
            self._plain.append(text)

    def _select(self, name: str, value: str) -> bool:
        """Let the store look for it where it can; tell whether it does."""
        now_ms = self._now_ms
        if name in {"state", "queue", "tag"}:
            parsed = selections.parse(selections.Words(**{name: value}), now_ms=now_ms)
            field = "states" if name == "state" else name
            if getattr(self._selection, field) not in ((), None):
                return False
            self._selection = self._selection._replace(**{field: getattr(parsed, field)})
            return True
        if name == "created":
            sign, span_ms = _compared(value, parse_duration_ms)
            field = "since_ms" if sign.startswith("<") or not sign else "until_ms"
            bound = {field: now_ms - span_ms}
            self._selection = self._selection._replace(**bound)  # type: ignore[arg-type]
            return True
        return False

    def _test(self, name: str, value: str) -> Test:
        if name in {"state", "queue", "tag", "id", "error", "reason", "mutex"}:
            return _text_test(name, value)
        if name == "created":
            sign, span_ms = _compared(value, parse_duration_ms)
            return _number_test("created", sign or "<", span_ms, self._now_ms)
        convert = parse_duration_ms if name == "run" else _whole
        sign, number = _compared(value, convert)
        return _number_test(name, sign or ("" if name != "run" else ">="), number, self._now_ms)


def _compared(value: str, convert: Callable[[str], int]) -> tuple[str, int]:
    found = _COMPARISON.fullmatch(value)
    if found is None:
        raise BadData("a number is missing", hint="as in prio:>=8")
    return found[1], convert(found[2])


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - digits
        raise BadData(f'"{text[:30]}" is not a whole number', hint="as in prio:>=8 or exit:1")
    return int(text)


def _text_test(name: str, value: str) -> Test:
    lowered = value.lower()
    match name:
        case "state":
            states = selections.parse_states(value)
            return lambda job: job.state in states
        case "tag":
            return lambda job: value in job.tags
        case "reason":
            return lambda job: jobs.reason(job) == lowered
        case "queue" | "mutex":
            return lambda job: getattr(job, name) == value
        case "id":
            return lambda job: lowered in job.name.lower()
    return lambda job: lowered in (job.error or "").lower()


def _number_test(name: str, sign: str, number: int, now_ms: int) -> Test:
    compare = _OPERATORS[sign]
    read: Mapping[str, Callable[[Job], int | None]] = {
        "prio": lambda job: job.priority,
        "exit": lambda job: job.exit_code,
        "worker": lambda job: job.worker,
        "attempts": lambda job: job.attempts,
        "run": lambda job: job.duration_ms,
        "created": lambda job: now_ms - job.created_at_ms,
    }
    value_of = read[name]

    def test(job: Job) -> bool:
        value = value_of(job)
        return value is not None and compare(value, number)

    return test


def _text(job: Job) -> str:
    return "\n".join((job.name, jobs.command_line(job), job.error or "")).lower()
