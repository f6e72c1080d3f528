"""Hooks: commands that run when something happened."""

from __future__ import annotations

SCRIPT = """
-- What runs when something happened. Each run is a job of the queue `.hooks`.
CREATE TABLE hooks (
    name TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    queue TEXT,
    schedule TEXT,
    over_ms INTEGER,
    every_ms INTEGER,
    command TEXT,
    argv TEXT,
    cwd TEXT,
    env TEXT,
    timeout_ms INTEGER,
    backoff TEXT,
    max_retries INTEGER NOT NULL,
    priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 10),
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    paused_at_ms INTEGER,
    told INTEGER NOT NULL DEFAULT 0,
    told_at_ms INTEGER,
    -- with every_ms: the job that takes further events until it starts, and when the next may
    batch INTEGER,
    next_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Starts that a hook was told of because they take long; a row goes when the run ends.
CREATE TABLE slow_runs (
    hook TEXT NOT NULL,
    job INTEGER NOT NULL,
    start INTEGER NOT NULL,
    PRIMARY KEY (hook, job, start)
) STRICT, WITHOUT ROWID;
"""
