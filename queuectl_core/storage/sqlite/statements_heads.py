"""Statements on when a job may start next: for workers that have none, and for those who look.

Apart from those of the claim itself, which every command loads.
"""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE, SUSPECT_CRASHES
from queuectl_core.lifecycle import State
from queuectl_core.limits import FULL, PAUSED, SPENT
from queuectl_core.storage.sqlite import statements as sql

ALL_PAUSED = f"""
SELECT EXISTS (SELECT 1 FROM queues WHERE name = '{sql.ALL_QUEUES}' AND paused_at_ms IS NOT NULL)
"""
# A line with the moment that it begins at the earliest, the earliest line first.
_LINES = "SELECT queue, priority, run_at_ms FROM heads"
OPEN_LINES = f"""
{_LINES}
WHERE shut = 0 AND priority = :priority
ORDER BY run_at_ms, number
"""
UNPAUSED_LINES = f"""
{_LINES}
WHERE shut & {PAUSED} = 0
ORDER BY run_at_ms
"""
UNPAUSED_LINES_OF = f"""
{_LINES}
WHERE shut & {PAUSED} = 0 AND queue = :queue
ORDER BY run_at_ms
"""
OPENS_AT = f"""
SELECT CASE WHEN shut = 0 THEN 0 WHEN shut = {SPENT} THEN opens_at_ms END
FROM queues
WHERE name = :queue
"""
OPENING_QUEUES = """
SELECT name, opens_at_ms
FROM queues INDEXED BY queues_opening
WHERE opens_at_ms IS NOT NULL
ORDER BY opens_at_ms
"""
OPEN_QUEUES = "SELECT DISTINCT queue FROM heads WHERE shut = 0"
FIRST_STARTABLE = sql.first(
    "run_at_ms", f"AND (crashes < {SUSPECT_CRASHES} OR NOT EXISTS ({sql.SUSPECTS_RUN}))"
)
IS_DUE = f"SELECT EXISTS ({sql.first('1', 'AND run_at_ms <= :now_ms')})"
IN_FLIGHT = f"""
SELECT queue
FROM counts
WHERE jobs > 0
  AND (state = '{State.PROCESSING}' OR (state = '{State.FAILED}' AND NOT EXISTS (
        SELECT 1
        FROM queues
        WHERE name IN (counts.queue, iif(counts.queue = '{HOOKS_QUEUE}', NULL, '{sql.ALL_QUEUES}'))
          AND paused_at_ms IS NOT NULL
    )))
GROUP BY queue
"""

# --- the doctor's ---

_TRUE_HEADS = f"""
SELECT queue, priority, min(run_at_ms) AS run_at_ms
FROM jobs
WHERE {sql.FREE}
GROUP BY queue, priority
"""
# Lines that a claim does not find, and queues that are shut, or their lines, for no reason or not.
LOST_LINES = f"""
SELECT true_heads.queue
FROM ({_TRUE_HEADS}) AS true_heads
LEFT JOIN heads USING (queue, priority)
WHERE heads.run_at_ms IS NULL OR heads.run_at_ms > true_heads.run_at_ms
UNION
SELECT heads.queue
FROM heads
LEFT JOIN queues ON queues.name = heads.queue
WHERE heads.shut <> coalesce(queues.shut, 0)
UNION
SELECT name
FROM queues
WHERE name <> '{sql.ALL_QUEUES}' AND (
    (paused_at_ms IS NOT NULL) <> (shut & {PAUSED} > 0)
    OR coalesce(concurrency <= (
        SELECT coalesce(sum(jobs), 0)
        FROM counts
        WHERE queue = name AND state = '{State.PROCESSING}'
    ), 0) <> (shut & {FULL} > 0)
)
"""
DROP_LINES = "DELETE FROM heads"
FIND_LINES = f"""
INSERT INTO heads (queue, priority, run_at_ms, number, shut)
SELECT queue, priority, run_at_ms, 0, coalesce((SELECT shut FROM queues WHERE name = queue), 0)
FROM ({_TRUE_HEADS})
"""
