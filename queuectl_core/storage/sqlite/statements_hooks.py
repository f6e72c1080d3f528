"""Statements on hooks, apart from those that every command loads."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite.statements import FREE

NEW_COLUMNS = (
    "name", "event", "queue", "schedule", "over_ms", "every_ms", "command", "argv", "cwd", "env",
    "timeout_ms", "backoff", "max_retries", "priority", "created_at_ms", "created_by",
    "paused_at_ms",
)  # fmt: skip
COLUMNS = ", ".join((*NEW_COLUMNS, "told", "told_at_ms", "batch", "next_at_ms"))
INSERT = f"""
INSERT INTO hooks ({", ".join(NEW_COLUMNS)})
VALUES ({", ".join(f":{name}" for name in NEW_COLUMNS)})
ON CONFLICT (name) DO NOTHING
"""
HOOKS = f"SELECT {COLUMNS} FROM hooks ORDER BY name"
HOOK = f"SELECT {COLUMNS} FROM hooks WHERE name = :name"
LISTENING = f"SELECT {COLUMNS} FROM hooks WHERE paused_at_ms IS NULL ORDER BY name"
DELETE = "DELETE FROM hooks WHERE name = :name"
PAUSE = "UPDATE hooks SET paused_at_ms = :now_ms WHERE name = :name AND paused_at_ms IS NULL"
RESUME = """
UPDATE hooks
SET paused_at_ms = NULL
WHERE name = :name AND paused_at_ms IS NOT NULL
"""
NOTE_TOLD = """
UPDATE hooks
SET told = told + :events, told_at_ms = :now_ms
WHERE name = :name
"""
NOTE_BATCH = "UPDATE hooks SET batch = :batch, next_at_ms = :next_at_ms WHERE name = :name"
OPEN_BATCH = f"""
SELECT options
FROM jobs
WHERE number = :batch AND queue = '{HOOKS_QUEUE}' AND state = '{State.PENDING}' AND starts = 0
"""
SET_OPTIONS = "UPDATE jobs SET options = :options WHERE number = :number"

# --- slow ---

NEWLY_SLOW = f"""
SELECT hooks.name, jobs.number
FROM hooks
CROSS JOIN jobs INDEXED BY jobs_state ON jobs.state = '{State.PROCESSING}'
WHERE hooks.event = 'slow' AND hooks.paused_at_ms IS NULL
  AND jobs.queue <> '{HOOKS_QUEUE}' AND jobs.started_at_ms <= :now_ms - hooks.over_ms
  AND NOT EXISTS (
    SELECT 1
    FROM slow_runs
    WHERE hook = hooks.name AND job = jobs.number AND start = jobs.starts
  )
LIMIT :limit
"""
NOTE_SLOW = """
INSERT OR IGNORE INTO slow_runs (hook, job, start)
VALUES (:hook, :job, :start)
"""
FORGET_RUN = "DELETE FROM slow_runs WHERE job = :job AND hook = :hook"
FORGET_HOOK = "DELETE FROM slow_runs WHERE hook = :name"
FORGET_ENDED = f"""
DELETE FROM slow_runs
WHERE NOT EXISTS (
    SELECT 1
    FROM jobs
    WHERE number = job AND state = '{State.PROCESSING}' AND starts = start
)
"""

# --- looking ---

_LEFT = "SELECT tags ->> 0 AS hook, state FROM jobs INDEXED BY"
RUNS_LEFT = f"""
SELECT hook, state, count(*)
FROM (
    {_LEFT} jobs_claim WHERE {FREE} AND queue = '{HOOKS_QUEUE}'
    UNION ALL
    {_LEFT} jobs_state WHERE state = '{State.PROCESSING}' AND queue = '{HOOKS_QUEUE}'
    UNION ALL
    {_LEFT} jobs_dead WHERE state = '{State.DEAD}' AND queue = '{HOOKS_QUEUE}'
)
GROUP BY hook, state
"""
