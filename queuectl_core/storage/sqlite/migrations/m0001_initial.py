"""The first schema."""

from __future__ import annotations

SCRIPT = """
-- Moments are epoch milliseconds in UTC, spans milliseconds, sizes bytes.

CREATE TABLE migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE queue (
    id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    -- AUTOINCREMENT: a number names log files and must never come back after a prune
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT,
    queue TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'processing', 'completed', 'failed', 'dead', 'cancelled')),
    reason TEXT,
    priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 10),
    run_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    starts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    max_retries INTEGER NOT NULL,
    command TEXT,
    argv TEXT,
    cwd TEXT,
    env TEXT,
    timeout_ms INTEGER,
    backoff TEXT,
    on_crash TEXT NOT NULL DEFAULT 'retry',
    -- JSON of what few jobs ask for besides (options.py)
    options TEXT,
    tags TEXT,
    created_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    finished_at_ms INTEGER,
    worker INTEGER,
    token INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    exit_code INTEGER,
    signal INTEGER,
    error TEXT,
    duration_ms INTEGER,
    cpu_ms INTEGER,
    max_rss_bytes INTEGER,
    -- why it can't be claimed even when it is due: bits of flow.py, or NULL
    blocked INTEGER,
    after TEXT,
    unique_key TEXT,
    unique_scope TEXT,
    mutex TEXT,
    mutex_slots INTEGER,
    expires_at_ms INTEGER
) STRICT;

CREATE UNIQUE INDEX jobs_id ON jobs (id) WHERE id IS NOT NULL;

-- One probe per queue and priority finds the next job, however many wait for a later moment:
-- measured flat at 1M pending, where an index without run_at_ms took 26 ms.
CREATE INDEX jobs_claim ON jobs (queue, priority, run_at_ms, number)
    WHERE state IN ('pending', 'failed') AND blocked IS NULL;

CREATE INDEX jobs_state ON jobs (state, number);

CREATE INDEX jobs_queue ON jobs (queue, number);

-- What jobs.tags says, the other way round: no row for a job without tags.
CREATE TABLE job_tags (
    tag TEXT NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (tag, job)
) STRICT, WITHOUT ROWID;

-- A row for each queue that somebody has said something about; '*' stands for all of them.
CREATE TABLE queues (
    name TEXT PRIMARY KEY,
    paused_at_ms INTEGER,
    paused_by TEXT,
    pause_reason TEXT
) STRICT, WITHOUT ROWID;

-- All that `dlq list --by-error` groups by: 100,000 dead jobs without reading their rows.
CREATE INDEX jobs_dead ON jobs (queue, error, reason, exit_code, signal, finished_at_ms)
    WHERE state = 'dead';

-- Nothing of these is written for a job that waits for nothing but its time.
CREATE INDEX jobs_unique ON jobs (unique_key, state, created_at_ms) WHERE unique_key IS NOT NULL;
CREATE INDEX jobs_mutex ON jobs (mutex, blocked, state, queue, priority, run_at_ms, number)
    WHERE mutex IS NOT NULL;
CREATE INDEX jobs_parked ON jobs (mutex, queue, priority DESC, run_at_ms, number)
    WHERE blocked = 4;
CREATE INDEX jobs_expiry ON jobs (expires_at_ms)
    WHERE expires_at_ms IS NOT NULL AND state = 'pending' AND starts = 0;

-- Who still waits for whom; a row goes when its parent or its child ends.
CREATE TABLE dependencies (
    parent INTEGER NOT NULL,
    child INTEGER NOT NULL,
    condition TEXT NOT NULL CHECK (condition IN ('ok', 'fail', 'any')),
    PRIMARY KEY (parent, child, condition)
) STRICT, WITHOUT ROWID;

CREATE INDEX dependencies_child ON dependencies (child);

-- Parents that ended, with more children than one transaction could tell.
CREATE TABLE endings (
    parent INTEGER PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;

CREATE TABLE attempts (
    job INTEGER NOT NULL,
    start INTEGER NOT NULL,
    worker INTEGER,
    started_at_ms INTEGER NOT NULL,
    finished_at_ms INTEGER NOT NULL,
    ending TEXT NOT NULL,
    exit_code INTEGER,
    signal INTEGER,
    error TEXT,
    duration_ms INTEGER NOT NULL,
    cpu_ms INTEGER,
    max_rss_bytes INTEGER,
    output_bytes INTEGER NOT NULL,
    PRIMARY KEY (job, start)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    job INTEGER NOT NULL,
    event TEXT NOT NULL,
    duration_ms INTEGER,
    detail TEXT
) STRICT;

-- Kept in the transaction that moves the job: `status` never counts rows.
CREATE TABLE counts (
    queue TEXT NOT NULL,
    state TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (queue, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollups (
    minute INTEGER NOT NULL,
    queue TEXT NOT NULL,
    event TEXT NOT NULL,
    events INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (minute, queue, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    pid_space TEXT NOT NULL,
    supervisor_pid INTEGER NOT NULL,
    pool_pid INTEGER NOT NULL,
    threads INTEGER NOT NULL,
    queues TEXT,
    version TEXT NOT NULL,
    started_at_ms INTEGER NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    stopping INTEGER NOT NULL DEFAULT 0,
    name TEXT
) STRICT;
"""
