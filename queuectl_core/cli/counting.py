"""How a number of things reads."""

from __future__ import annotations


def counted(count: int, thing: str = "job") -> str:
    """Return "1 job", "12,345 jobs"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
