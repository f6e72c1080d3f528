"""What the dashboard keeps: tokens, an account of changes, and answers to repeat."""

from __future__ import annotations

SCRIPT = """
-- Who may use the dashboard. Of a token only the SHA-256 is kept: it is 256 random bits.
CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('read', 'operate', 'admin')),
    hash TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Who has changed what through the dashboard.
CREATE TABLE audits (
    number INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- Answers of a day to requests with an Idempotency-Key; status NULL: not answered yet.
CREATE TABLE answers (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    status INTEGER,
    body BLOB,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_age ON answers (at_ms);
"""
