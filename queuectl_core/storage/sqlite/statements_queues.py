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
RESUME = """
UPDATE queues
SET paused_at_ms = NULL, paused_by = NULL, pause_reason = NULL
WHERE name = :name AND paused_at_ms IS NOT NULL
"""
RESUME_ALL = """
UPDATE queues
SET paused_at_ms = NULL, paused_by = NULL, pause_reason = NULL
WHERE paused_at_ms IS NOT NULL
"""
PAUSES = """
SELECT name, paused_at_ms, paused_by, pause_reason
FROM queues
WHERE paused_at_ms IS NOT NULL
ORDER BY name
"""
