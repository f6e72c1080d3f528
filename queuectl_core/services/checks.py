"""What a doctor's check says, and the one way to ask it."""

from __future__ import annotations

from queuectl_core.errors import QueuectlError
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OK, WARNING, PROBLEM = "ok", "warning", "problem"
MIB = 1 << 20


class Finding(Record):
    """What one check found. `state` is ok, warning or problem; `hint` what to do next."""

    check: str
    state: str
    message: str
    hint: str = ""


class Check(Record):
    """One question. `mend`, where given, is asked in its place when things are to be put right."""

    name: str
    look: Callable[[], tuple[str, str, str]]
    mend: Callable[[], tuple[str, str, str]] | None = None


def well(message: str) -> tuple[str, str, str]:
    """Return that all is well."""
    return OK, message, ""


def warning(message: str, hint: str) -> tuple[str, str, str]:
    """Return that something needs an eye, though the queue works."""
    return WARNING, message, hint


def problem(message: str, hint: str) -> tuple[str, str, str]:
    """Return that the queue does not work, or not as promised."""
    return PROBLEM, message, hint


def ask(checks: Iterable[Check], *, mend: bool) -> list[Finding]:
    """Ask every check, whatever came of the one before; what it raises is what it found."""
    return [_ask(check, mend=mend) for check in checks]


def _ask(check: Check, *, mend: bool) -> Finding:
    question = check.mend if mend and check.mend else check.look
    try:
        return Finding(check.name, *question())
    except QueuectlError as error:
        return Finding(check.name, PROBLEM, str(error), error.hint)
    except (OSError, ValueError, TypeError, LookupError) as error:
        # a damaged file can hold anything, text that is no UTF-8 and words in the place of numbers
        return Finding(check.name, PROBLEM, f"can't be read: {error}", "queuectl restore FILE")


def size(size_bytes: int) -> str:
    """Return bytes for reading: "640 KiB", "64.0 MiB", "75.9 GiB"."""
    if size_bytes >= 1024 * MIB:
        return f"{size_bytes / MIB / 1024:,.1f} GiB"
    return f"{size_bytes / MIB:,.1f} MiB" if size_bytes >= MIB else f"{size_bytes // 1024} KiB"
