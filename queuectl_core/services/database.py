"""What people ask of the queue file itself: its schema, and whether it is whole."""

from __future__ import annotations

from queuectl_core import storage
from queuectl_core.services.checks import Finding, ask
from queuectl_core.services.checks_queue import Patient

CHECKS = frozenset({"queue file", "schema", "identity", "integrity", "counts"})
"""Those of the doctor that are about what is in the file."""


def schema(path: str) -> tuple[int, int]:
    """Return the number of the file's schema and of this version's; the file stays as it is."""
    examiner = storage.examine(path)
    try:
        return examiner.schema()
    finally:
        examiner.close()


def check(path: str, *, now_ms: int) -> list[Finding]:
    """Return what each check of the file found; reads every page, and changes nothing."""
    examiner = storage.examine(path)
    try:
        checks = Patient(examiner, now_ms, there=True).checks()
        return ask([one for one in checks if one.name in CHECKS], mend=False)
    finally:
        examiner.close()
