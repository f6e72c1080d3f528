"""Statements on the queues themselves, apart from those that every command loads.

The row of ALL_QUEUES sorts first: no name has its letter.
"""

from __future__ import annotations

IS_PAUSED = """
SELECT EXISTS (SELECT 1 FROM queues WHERE name = :name AND paused_at_ms IS NOT NULL)
"""
PAUSE = """
INSERT INTO queues (name, paused_at_ms, paused_by, pause_reason)
VALUES (:name, :now_ms, :by, :reason)
ON CONFLICT (name) DO UPDATE
SET paused_at_ms = excluded.paused_at_ms, paused_by = excluded.paused_by,
    pause_reason = excluded.pause_reason
"""
IS_DRAINED = """
SELECT EXISTS (SELECT 1 FROM queues WHERE name = :name AND draining_at_ms IS NOT NULL)
"""
STOPPED = """
SELECT name, paused_at_ms IS NOT NULL
FROM queues
WHERE paused_at_ms IS NOT NULL OR draining_at_ms IS NOT NULL
"""
RESUME = """
UPDATE queues
SET paused_at_ms = NULL, paused_by = NULL, pause_reason = NULL, draining_at_ms = NULL,
    drained_by = NULL
WHERE name = :name
"""
PAUSES = """
SELECT name, paused_at_ms, paused_by, pause_reason
FROM queues
WHERE paused_at_ms IS NOT NULL
ORDER BY name
"""
