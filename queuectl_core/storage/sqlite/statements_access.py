"""Statements on tokens, audit entries and kept answers."""

from __future__ import annotations

ADD_TOKEN = """
INSERT INTO tokens (name, role, hash, created_at_ms)
VALUES (:name, :role, :hash, :now_ms)
ON CONFLICT (name) DO NOTHING
"""
TOKENS = """
SELECT name, role, created_at_ms, used_at_ms
FROM tokens
ORDER BY name
"""
TOKEN = """
SELECT name, role, created_at_ms, used_at_ms
FROM tokens
WHERE hash = :hash
"""
REMOVE_TOKEN = """
DELETE FROM tokens
WHERE name = :name
"""
NOTE_USE = """
UPDATE tokens
SET used_at_ms = :now_ms
WHERE name = :name
"""
ADD_AUDIT = """
INSERT INTO audits (at_ms, actor, action, subject, detail)
VALUES (?, ?, ?, ?, ?)
"""
CUT_AUDITS = """
DELETE FROM audits
WHERE number <= (SELECT max(number) FROM audits) - :most
"""
AUDITS = """
SELECT number, at_ms, actor, action, subject, detail
FROM audits
WHERE number < coalesce(:below, 9223372036854775807)
ORDER BY number DESC
LIMIT :limit
"""
ANSWER = """
SELECT request, status, body
FROM answers
WHERE actor = :actor AND key = :key
"""
RESERVE = """
INSERT INTO answers (actor, key, request, at_ms)
VALUES (:actor, :key, :request, :now_ms)
"""
KEEP = """
UPDATE answers
SET status = :status, body = :body
WHERE actor = :actor AND key = :key
"""
GIVE_UP = """
DELETE FROM answers
WHERE actor = :actor AND key = :key AND status IS NULL
"""
FORGET_ANSWERS = """
DELETE FROM answers
WHERE at_ms < :before_ms
"""
