"""POST with an Idempotency-Key: done once, and the same answer to whoever sends it again.

The answer is kept in the queue for a day, so it survives a restart. Cut off in between, nobody
knows what was done: the key stays in use then, and says so.
"""

from __future__ import annotations

from hashlib import sha256

from queuectl_core.errors import BadData, QueuectlError, WrongState
from queuectl_core.web import api_answers as answers
from queuectl_core.web.facts import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queuectl_core.storage.access_records import Kept
    from queuectl_core.storage.store import Store
    from queuectl_core.web.facts import Facts, Values, View

MAX_KEY_CHARACTERS = 200


def once(view: View) -> View:
    """Return the view, done once for each key."""

    def done_once(facts: Facts, store: Store, values: Values) -> Answer:
        key = facts.headers.get("idempotency-key")
        if key is None:
            return _whole(view(facts, store, values))
        if not key.isprintable() or not 0 < len(key) <= MAX_KEY_CHARACTERS:
            raise BadData(f"an Idempotency-Key has 1 to {MAX_KEY_CHARACTERS} characters")
        return _with_key(view, facts, store, key)

    return done_once


def _with_key(view: View, facts: Facts, store: Store, key: str) -> Answer:
    request = f"{facts.path}?{facts.query.pairs()}\0".encode() + facts.body
    request_hash = sha256(request).hexdigest()
    kept = store.access().reserve(facts.actor, key, request_hash, now_ms=facts.now_ms)
    if kept is not None:
        return _again(kept, request_hash)
    try:
        found = _whole(view(facts, store, facts.query))
    except QueuectlError:
        store.access().give_up(facts.actor, key)  # it changed nothing
        raise
    body = found.body if isinstance(found.body, bytes) else b""
    store.access().keep(facts.actor, key, status=found.status, body=body)
    return found


def _again(kept: Kept, request_hash: str) -> Answer:
    if kept.request_hash != request_hash:
        raise BadData("this Idempotency-Key came with another request before")
    if kept.status is None:
        raise WrongState(
            "a request with this Idempotency-Key has begun and is not known to have ended",
            hint="look whether it was done; then use another key",
        )
    headers = [("Idempotent-Replayed", "true"), ("Cache-Control", "no-store")]
    return Answer(kept.body or b"", answers.JSON, kept.status, headers)


def _whole(found: object) -> Answer:
    if not isinstance(found, Answer):
        raise TypeError("a view of the API gives an Answer")
    return found
