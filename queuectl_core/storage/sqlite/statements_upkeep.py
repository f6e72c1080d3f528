"""Statements of backup, restore and the doctor, apart from those that every command loads."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE

EXCLUSIVE = "PRAGMA locking_mode = EXCLUSIVE"
WAL_MODE = "PRAGMA journal_mode = WAL"
JOURNAL_MODE = "PRAGMA journal_mode"
SYNCHRONOUS = "PRAGMA synchronous"
INTEGRITY = "PRAGMA integrity_check(5)"
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
COUNT_JOBS = "SELECT count(*) FROM jobs"
LAST_NUMBER = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs'"
DROP_LAST_NUMBER = "DELETE FROM sqlite_sequence WHERE name = 'jobs'"
INSERT_LAST_NUMBER = "INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', :number)"
# One statement: both sides are of one moment, however fast others write.
MISCOUNTS = """
SELECT queue, state, sum(counted), sum(found)
FROM (
    SELECT queue, state, jobs AS counted, 0 AS found
    FROM counts
    UNION ALL
    SELECT queue, state, 0, count(*)
    FROM jobs
    GROUP BY queue, state
)
GROUP BY queue, state
HAVING sum(counted) <> sum(found)
ORDER BY queue, state
"""
DROP_COUNTS = "DELETE FROM counts"
RECOUNT = """
INSERT INTO counts (queue, state, jobs)
SELECT queue, state, count(*)
FROM jobs
GROUP BY queue, state
"""
NEWEST_EVENT = """
SELECT max(at_ms)
FROM (
    SELECT at_ms
    FROM events
    ORDER BY seq DESC
    LIMIT 1000
)
"""
PRESENCES = """
SELECT id, max(seen_at_ms), sum(claims)
FROM (
    SELECT id, seen_at_ms, 0 AS claims
    FROM workers
    UNION ALL
    SELECT worker, NULL, count(*)
    FROM jobs
    WHERE state = :processing
    GROUP BY worker
)
GROUP BY id
ORDER BY id
"""
HOOKS = "SELECT name, command, argv ->> 0, cwd FROM hooks ORDER BY name"
HOOK_TAKERS = f"""
SELECT id
FROM workers
WHERE queues IS NULL
  OR EXISTS (SELECT 1 FROM json_each(workers.queues) WHERE value = '{HOOKS_QUEUE}')
"""
