"""Statements on the limits of queues: a queue that has none never meets them."""

from __future__ import annotations

from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite.statements import ALL_QUEUES

_JOBS_IN = "coalesce((SELECT jobs FROM counts WHERE queue = queues.name AND state = '{}'), 0)"
_RUNNING = _JOBS_IN.format(State.PROCESSING)

# --- may it start ---

STANDING = f"""
SELECT paused_at_ms IS NOT NULL, concurrency, {_RUNNING}, rate_jobs, rate_ms, starts, shut,
    opens_at_ms
FROM queues
WHERE name = :name
"""
NEXT_PLACE = "SELECT at_ms FROM rate_starts WHERE queue = :name AND place = :place"
BRING_BACK = "UPDATE rate_starts SET at_ms = :now_ms WHERE queue = :name AND at_ms > :now_ms"
SET_SHUT = "UPDATE queues SET shut = :shut, opens_at_ms = :opens_at_ms WHERE name = :name"
SHUT_HEADS = "UPDATE heads SET shut = :shut WHERE queue = :name"
RATE = "SELECT rate_jobs, starts FROM queues WHERE name = :name AND rate_jobs IS NOT NULL"
NOTE_START = """
INSERT OR REPLACE INTO rate_starts (queue, place, at_ms)
VALUES (:name, :place, :now_ms)
"""
COUNT_START = "UPDATE queues SET starts = starts + 1 WHERE name = :name"

# --- may it come in ---

DOOR = f"""
SELECT max_pending, {_JOBS_IN.format(State.PENDING)}, draining_at_ms, drained_by
FROM queues
WHERE name = :name
"""

# --- what people set ---

ADD_QUEUE = "INSERT OR IGNORE INTO queues (name) VALUES (:name)"
SET_LIMIT = {
    "concurrency": "UPDATE queues SET concurrency = :value WHERE name = :name",
    "max_pending": "UPDATE queues SET max_pending = :value WHERE name = :name",
}
SET_RATE = """
UPDATE queues
SET rate_jobs = :jobs, rate_ms = :period_ms, starts = :starts
WHERE name = :name
"""
PAST_STARTS = """
SELECT at_ms
FROM rate_starts
WHERE queue = :name
ORDER BY at_ms DESC
LIMIT :jobs
"""
FORGET_STARTS = "DELETE FROM rate_starts WHERE queue = :name"
DRAIN = """
INSERT INTO queues (name, draining_at_ms, drained_by)
VALUES (:name, :now_ms, :by)
ON CONFLICT (name) DO UPDATE
SET draining_at_ms = excluded.draining_at_ms, drained_by = excluded.drained_by
"""
STANDINGS = f"""
SELECT name, concurrency, rate_jobs, rate_ms, max_pending, draining_at_ms, drained_by, shut,
    opens_at_ms
FROM queues
WHERE name <> '{ALL_QUEUES}'
  AND (concurrency IS NOT NULL OR rate_jobs IS NOT NULL OR max_pending IS NOT NULL
       OR draining_at_ms IS NOT NULL)
ORDER BY name
"""
QUEUES = f"SELECT name FROM queues WHERE name <> '{ALL_QUEUES}'"
