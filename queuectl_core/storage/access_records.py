"""What storage tells of tokens, audit entries and kept answers."""

from __future__ import annotations

from queuectl_core.records import Record


class Token(Record):
    """Who may use the dashboard; the secret itself is nowhere."""

    name: str
    role: str
    created_at_ms: int
    used_at_ms: int | None


class Audit(Record):
    """Somebody changed something. `subject` is what it was done to."""

    number: int
    at_ms: int
    actor: str
    action: str
    subject: str
    detail: str


class Kept(Record):
    """The answer to a request with an Idempotency-Key. `status` None: not answered yet."""

    request_hash: str
    status: int | None
    body: bytes | None
