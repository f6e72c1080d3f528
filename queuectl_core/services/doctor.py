"""The doctor: asks every check, makes nothing that is not there, mends only when told to."""

from __future__ import annotations

from queuectl_core import storage
from queuectl_core.errors import QueuectlError
from queuectl_core.services.checks import PROBLEM, Check, Finding, ask, well
from queuectl_core.services.checks_place import Place
from queuectl_core.services.checks_queue import Patient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.home import Home
    from queuectl_core.storage.sqlite.examiner import SqliteExaminer


def look(home: Home, db_path: str, environ: Mapping[str, str], *, now_ms: int) -> list[Finding]:
    """Return what each check found, in a fixed order; changes nothing."""
    return _examine(home, db_path, environ, now_ms=now_ms, mend=False)


def mend(home: Home, db_path: str, environ: Mapping[str, str], *, now_ms: int) -> list[Finding]:
    """Put right what can be put right without loss, and return what each check found then."""
    return _examine(home, db_path, environ, now_ms=now_ms, mend=True)


def is_healthy(findings: list[Finding]) -> bool:
    """Tell whether no check found a problem; warnings do not make a queue ill."""
    return all(found.state != PROBLEM for found in findings)


def _examine(
    home: Home, db_path: str, environ: Mapping[str, str], *, now_ms: int, mend: bool
) -> list[Finding]:
    examiner = storage.examine(db_path)
    try:
        there = _is_there(examiner)
        checks = [
            *Place(home, db_path, environ, examiner).checks(),
            *Patient(examiner, now_ms, there).checks(),
            *([Check("hooks", lambda: _hooks(examiner, environ))] if there else []),
        ]
        return _said_once(ask(checks, mend=mend))
    finally:
        examiner.close()


def _hooks(examiner: SqliteExaminer, environ: Mapping[str, str]) -> tuple[str, str, str]:
    hooks = examiner.hooks()
    if not hooks:
        return well("none")
    from queuectl_core.services import checks_hooks  # noqa: PLC0415 - most queues have none

    return checks_hooks.look(examiner, hooks, environ)


def _is_there(examiner: SqliteExaminer) -> bool:
    """Tell whether a queue was ever made here, in whatever state it is now."""
    try:
        return examiner.file_size() is not None
    except (QueuectlError, OSError):
        return True


def _said_once(findings: list[Finding]) -> list[Finding]:
    """Shorten what several checks found alike: a file that can't be opened fails them all."""
    first: dict[str, str] = {}
    shorter = []
    for found in findings:
        name = first.setdefault(found.message, found.check)
        same = found.state == PROBLEM and name != found.check
        shorter.append(Finding(found.check, PROBLEM, f"as {name}") if same else found)
    return shorter


def record(found: Finding) -> dict[str, object]:
    """Return what the world sees of a finding."""
    return {
        "check": found.check,
        "state": found.state,
        "message": found.message,
        "hint": found.hint or None,
    }
