"""Words of a command line or a URL made into a Selection; what is wrong in them is named."""

from __future__ import annotations

from queuectl_core.durations import parse_duration_ms, parse_moment_ms
from queuectl_core.errors import BadData
from queuectl_core.job import check_name, check_queue, check_tag, is_encodable
from queuectl_core.lifecycle import STATES
from queuectl_core.records import Record
from queuectl_core.selection import ORDERS, Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.durations import Naive
    from queuectl_core.lifecycle import State

MAX_GREP_CHARACTERS = 1000


class Words(Record):
    """A selection as people write it; None: not given. `state` may list several, with commas."""

    state: str | None = None
    queue: str | None = None
    tag: str | None = None
    older_than: str | None = None
    since: str | None = None
    until: str | None = None
    grep: str | None = None
    schedule: str | None = None


def parse(words: Words, *, now_ms: int, naive: Naive = "local") -> Selection:
    """Return what the words select; BadData for the first one that is wrong.

    `since` and `until` are moments, or spans before now: `2h` is two hours ago.
    """
    return Selection(
        states=() if words.state is None else parse_states(words.state),
        queue=None if words.queue is None else check_queue(words.queue),
        tag=None if words.tag is None else check_tag(words.tag),
        before_ms=None
        if words.older_than is None
        else now_ms - parse_duration_ms(words.older_than),
        since_ms=None if words.since is None else _moment_ms(words.since, now_ms, naive),
        until_ms=None if words.until is None else _moment_ms(words.until, now_ms, naive),
        grep=None if words.grep is None else _part(words.grep),
        schedule=None if words.schedule is None else check_name("schedule", words.schedule),
    )


def parse_states(text: str) -> tuple[State, ...]:
    """Return the states that a list with commas names, any case, each once.

    BadData with the nearest one for a word that is none.
    """
    return tuple(dict.fromkeys(_state(word.strip()) for word in text.split(",")))


def _state(word: str) -> State:
    try:
        return STATES[word.lower()]
    except KeyError:
        hint = _nearest(word, list(STATES), "the states are ")
        raise BadData(f'there is no state "{word[:60]}"', hint=hint) from None


def parse_order(word: str) -> str:
    """Return the sort key of that name; BadData with the nearest one otherwise."""
    name = word.lower().replace("-", "_")
    if name in ORDERS:
        return name
    raise BadData(
        f'jobs can\'t be sorted by "{word[:60]}"', hint=_nearest(name, ORDERS, "they can by ")
    )


def _nearest(word: str, names: Sequence[str], otherwise: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(word.lower(), names, n=1)
    return f"did you mean {close[0]}?" if close else otherwise + ", ".join(names)


def _moment_ms(text: str, now_ms: int, naive: Naive) -> int:
    try:
        return now_ms - parse_duration_ms(text)
    except BadData:
        return parse_moment_ms(text, now_ms=now_ms, naive=naive)


def _part(text: str) -> str:
    if not text or len(text) > MAX_GREP_CHARACTERS or "\0" in text or not is_encodable(text):
        raise BadData(
            f"what to search for must have 1 to {MAX_GREP_CHARACTERS} characters of UTF-8"
        )
    return text
