"""Limits of queues, and the heads of their lines, where a claim looks for the next job."""

from __future__ import annotations

SCRIPT = """
ALTER TABLE queues ADD COLUMN concurrency INTEGER;
ALTER TABLE queues ADD COLUMN rate_jobs INTEGER;
ALTER TABLE queues ADD COLUMN rate_ms INTEGER;
ALTER TABLE queues ADD COLUMN max_pending INTEGER;
ALTER TABLE queues ADD COLUMN draining_at_ms INTEGER;
ALTER TABLE queues ADD COLUMN drained_by TEXT;
-- starts that its rate has counted: the next one takes the place of this number in rate_starts
ALTER TABLE queues ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
-- until when its rate is used up; NULL: it is not, as far as anybody looked
ALTER TABLE queues ADD COLUMN opens_at_ms INTEGER;
-- why none of its jobs may start now: bits of flow.py, made anew by limits.py at each change
ALTER TABLE queues ADD COLUMN shut INTEGER NOT NULL DEFAULT 0;

UPDATE queues SET shut = 1 WHERE paused_at_ms IS NOT NULL AND name <> '*';

CREATE INDEX queues_opening ON queues (opens_at_ms) WHERE opens_at_ms IS NOT NULL;

-- The last starts of a queue with a rate, as many as it allows in its period, in a ring.
CREATE TABLE rate_starts (
    queue TEXT NOT NULL,
    place INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, place)
) STRICT, WITHOUT ROWID;

-- For each queue and priority a bound: no job that may be claimed stands before it, by run_at_ms
-- and number. Jobs that come lower it, whoever finds it too low raises it. `shut` is the queue's.
CREATE TABLE heads (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    run_at_ms INTEGER NOT NULL,
    number INTEGER NOT NULL,
    shut INTEGER NOT NULL,
    UNIQUE (queue, priority)
) STRICT;

CREATE INDEX heads_open ON heads (priority, run_at_ms, number) WHERE shut = 0;

INSERT INTO heads (queue, priority, run_at_ms, number, shut)
SELECT queue, priority, min(run_at_ms), min(number),
    coalesce((SELECT shut FROM queues WHERE name = queue), 0)
FROM jobs
WHERE state IN ('pending', 'failed') AND blocked IS NULL
GROUP BY queue, priority;
"""
