"""Errors as answers: a page for people, application/problem+json (RFC 9457) for programs."""

from __future__ import annotations

from queuectl_core.web.facts import Answer
from queuectl_core.web.security import NO_STORE


def plain(status: int, text: str) -> Answer:
    """Return an error as one line of text."""
    return Answer(f"{text}\n".encode(), "text/plain; charset=utf-8", status, [NO_STORE])
