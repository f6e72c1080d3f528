"""The fixed lists that a TAB can choose from; each is imported when it is asked for."""

from __future__ import annotations

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Candidates = Iterator[tuple[str, str]]


class Place(Record):
    """Where the cursor is: the verb so far, the words after it, and the word being typed."""

    verb: str
    words: tuple[str, ...]
    current: str
    home: str | None = None
    db: str | None = None


def events(_place: Place) -> Candidates:
    """Yield the events that a hook can listen to."""
    from queuectl_core.hook import EVENTS  # noqa: PLC0415 - one of many lists

    return iter(EVENTS.items())


def states(_place: Place) -> Candidates:
    """Yield the states of jobs."""
    from queuectl_core.lifecycle import STATES  # noqa: PLC0415 - one of many lists

    return ((state, "state") for state in STATES)


def settings(_place: Place) -> Candidates:
    """Yield the settings."""
    from queuectl_core import config  # noqa: PLC0415 - one of many lists

    return ((setting.key, setting.help) for setting in config.TABLE)


def setting_values(place: Place) -> Candidates:
    """Yield the values of a setting that takes words."""
    return iter((("local", ""), ("utc", "")) if "naive-time" in place.words else ())


def conflicts(_place: Place) -> Candidates:
    """Yield what may follow where an id exists."""
    from queuectl_core.job import CONFLICTS  # noqa: PLC0415 - one of many lists

    return ((choice, "") for choice in CONFLICTS)


def orders(_place: Place) -> Candidates:
    """Yield what a listing can be sorted by."""
    from queuectl_core.selection import ORDERS  # noqa: PLC0415 - one of many lists

    return ((order, "") for order in ORDERS)


def columns(place: Place) -> Candidates:
    """Yield the columns, behind those that are typed already and a comma."""
    from queuectl_core.cli.columns import NAMES  # noqa: PLC0415 - one of many lists

    typed = place.current.rpartition(",")
    return ((f"{typed[0]}{typed[1]}{name}", "column") for name in NAMES)


def crashes(_place: Place) -> Candidates:
    """Yield what may follow when a worker dies."""
    from queuectl_core.job import ON_CRASH  # noqa: PLC0415 - one of many lists

    return ((choice, "") for choice in ON_CRASH)


def zones(_place: Place) -> Candidates:
    """Yield the time zones."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - one of many lists

    return ((name, "time zone") for name in sorted(available_timezones()))


def overlaps(_place: Place) -> Candidates:
    """Yield what may follow when the job before has not ended."""
    from queuectl_core.schedule import OVERLAPS  # noqa: PLC0415 - one of many lists

    return ((choice, "") for choice in OVERLAPS)


def catch_ups(_place: Place) -> Candidates:
    """Yield what may follow when no worker ran."""
    from queuectl_core.schedule import CATCH_UPS  # noqa: PLC0415 - one of many lists

    return ((choice, "") for choice in CATCH_UPS)


def expressions(_place: Place) -> Candidates:
    """Yield the expressions that have a name."""
    from queuectl_core.cron import NAMES  # noqa: PLC0415 - one of many lists

    return ((name, expression) for name, expression in NAMES.items())
