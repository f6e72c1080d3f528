"""Statements on schedules. Only the guard in FIRE and the unique index of jobs keep a time single.

`next_at_ms IS :expected` and not `=`: a schedule may be over.
"""

from __future__ import annotations

from queuectl_core.lifecycle import FINAL, STATES
from queuectl_core.storage.sqlite.statements import COLUMNS

_STATE = """definition, created_at_ms, paused_at_ms, paused_by, pause_reason, next_at_ms,
    due_at_ms, last_at_ms, ok_at_ms, expect_at_ms, late_at_ms, missed"""
"""In the order of schedule.Schedule."""
_UNFINISHED = ", ".join(f"'{state}'" for state in STATES.values() if state not in FINAL)

PUT = """
INSERT INTO schedules (name, definition, queue, created_at_ms, next_at_ms, due_at_ms, expect_ms,
    expect_at_ms)
VALUES (:name, :definition, :queue, :now_ms, :next_at_ms, :due_at_ms, :expect_ms, :expect_at_ms)
ON CONFLICT (name) DO NOTHING
"""
REPLACE = """
UPDATE schedules
SET definition = :definition, queue = :queue, next_at_ms = :next_at_ms,
    due_at_ms = iif(paused_at_ms IS NULL, :due_at_ms, NULL), expect_ms = :expect_ms,
    expect_at_ms = iif(paused_at_ms IS NULL, :expect_at_ms, NULL), late_at_ms = NULL
WHERE name = :name
"""
NAMED = f"SELECT {_STATE} FROM schedules WHERE name = :name"
ALL = f"SELECT {_STATE} FROM schedules ORDER BY name"
ANY = "SELECT EXISTS (SELECT 1 FROM schedules)"
REMOVE = "DELETE FROM schedules WHERE name = :name"
IS_PAUSED = "SELECT paused_at_ms IS NOT NULL FROM schedules WHERE name = :name"
PAUSE = """
UPDATE schedules
SET paused_at_ms = coalesce(paused_at_ms, :now_ms), paused_by = :by, pause_reason = :reason,
    due_at_ms = NULL, expect_at_ms = NULL, late_at_ms = NULL
WHERE name = :name
"""
RESUME = """
UPDATE schedules
SET paused_at_ms = NULL, paused_by = NULL, pause_reason = NULL,
    next_at_ms = :next_at_ms, due_at_ms = :due_at_ms, expect_at_ms = :now_ms + expect_ms
WHERE name = :name AND paused_at_ms IS NOT NULL
"""

NEXT = """
SELECT min(moment_ms)
FROM (
    SELECT min(due_at_ms) AS moment_ms FROM schedules WHERE due_at_ms IS NOT NULL
    UNION ALL
    SELECT min(expect_at_ms) FROM schedules WHERE expect_at_ms IS NOT NULL
)
"""
DUE = f"""
SELECT {_STATE}
FROM schedules
WHERE due_at_ms IS NOT NULL AND due_at_ms <= :now_ms
  AND name NOT IN (SELECT value FROM json_each(:but))
ORDER BY due_at_ms
LIMIT :limit
"""
FIRE = """
UPDATE schedules
SET next_at_ms = :next_at_ms, due_at_ms = :due_at_ms,
    last_at_ms = coalesce(:last_at_ms, last_at_ms), missed = missed + :missed
WHERE name = :name AND next_at_ms IS :expected AND paused_at_ms IS NULL
  AND definition = :definition
"""
ADD_MISSED = "UPDATE schedules SET missed = missed + 1 WHERE name = :name"
HAS_FIRED = """
SELECT EXISTS (
    SELECT 1
    FROM jobs
    WHERE schedule = :name AND scheduled_at_ms = :at_ms
)
"""
UNFINISHED = f"""
SELECT number, state
FROM jobs INDEXED BY jobs_unfinished
WHERE schedule = :name AND state IN ({_UNFINISHED})
ORDER BY number
"""
SET_SCHEDULE = """
UPDATE jobs
SET schedule = :name, scheduled_at_ms = :at_ms
WHERE number = :number
"""
LAST_JOBS = f"""
SELECT {COLUMNS}
FROM jobs
WHERE schedule = :name
ORDER BY scheduled_at_ms DESC
LIMIT :limit
"""

LATE = """
SELECT name, queue, expect_ms
FROM schedules
WHERE expect_at_ms IS NOT NULL AND expect_at_ms <= :now_ms
"""
NOTE_LATE = """
UPDATE schedules
SET late_at_ms = :now_ms, expect_at_ms = NULL
WHERE name = :name
"""
