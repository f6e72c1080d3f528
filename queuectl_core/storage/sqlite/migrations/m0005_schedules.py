"""Recurring schedules, and which of them made a job."""

from __future__ import annotations

SCRIPT = """
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    -- JSON of what a user asked for (templates.py)
    definition TEXT NOT NULL,
    queue TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    paused_at_ms INTEGER,
    paused_by TEXT,
    pause_reason TEXT,
    next_at_ms INTEGER,
    due_at_ms INTEGER,
    last_at_ms INTEGER,
    ok_at_ms INTEGER,
    expect_ms INTEGER,
    -- when a success is late; NULL while none is expected, or the lateness is noted
    expect_at_ms INTEGER,
    late_at_ms INTEGER,
    missed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX schedules_due ON schedules (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX schedules_expect ON schedules (expect_at_ms) WHERE expect_at_ms IS NOT NULL;

ALTER TABLE jobs ADD COLUMN schedule TEXT;
ALTER TABLE jobs ADD COLUMN scheduled_at_ms INTEGER;

-- One job for each time of a schedule, whoever ticks; no row for any other job.
CREATE UNIQUE INDEX jobs_schedule ON jobs (schedule, scheduled_at_ms) WHERE schedule IS NOT NULL;
CREATE INDEX jobs_unfinished ON jobs (schedule, number)
    WHERE schedule IS NOT NULL AND state IN ('pending', 'processing', 'failed');
"""
