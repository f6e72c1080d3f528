"""How a number of jobs reads."""

from __future__ import annotations


def counted(count: int) -> str:
    """Return "1 job", "12,345 jobs"."""
    return f"{count:,} {'job' if count == 1 else 'jobs'}"
