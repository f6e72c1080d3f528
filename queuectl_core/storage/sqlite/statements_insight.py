"""Statements of storage/insight.py. Each must run on an index, whatever the size of the queue."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.lifecycle import State
from queuectl_core.storage.sqlite.statements import FREE

COUNT_DUE = f"""
SELECT count(*)
FROM (
    SELECT 1
    FROM jobs
    WHERE {FREE} AND queue = :queue AND priority = :priority AND run_at_ms <= :now_ms
    LIMIT :most
)
"""
COUNT_EARLIER = f"""
SELECT count(*)
FROM (
    SELECT 1
    FROM jobs
    WHERE {FREE} AND queue = :queue AND priority = :priority
      AND (run_at_ms, number) < (:run_at_ms, :number)
    LIMIT :most
)
"""
FIGURES = """
SELECT queue, event, sum(events), sum(duration_ms)
FROM rollups
WHERE minute >= :since AND minute < :until
GROUP BY queue, event
"""
# In the order of the index jobs_dead, which has all of it: neither rows nor a sort. The number is
# that of the row with the maximum (https://sqlite.org/lang_select.html#bareagg).
_BURIALS = f"""
SELECT queue, error, reason, exit_code, signal, count(*), max(finished_at_ms), number
FROM jobs INDEXED BY jobs_dead
WHERE state = '{State.DEAD}'"""
_ALIKE = "GROUP BY queue, error, reason, exit_code, signal"
BURIALS = f"{_BURIALS} AND queue <> '{HOOKS_QUEUE}' {_ALIKE}"
BURIALS_IN_QUEUE = f"{_BURIALS} AND queue = :queue {_ALIKE}"
