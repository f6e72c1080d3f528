"""Statements of storage/series.py: over roll-ups, or over a bounded stretch of the events."""

from __future__ import annotations

from queuectl_core.job import HOOKS_QUEUE

FLOW = f"""
SELECT minute / :minutes, queue, event, sum(events), sum(duration_ms)
FROM rollups
WHERE minute >= :since AND queue <> '{HOOKS_QUEUE}'
GROUP BY 1, queue, event
ORDER BY 1
"""
# The end of a job that has not moved since: only then the row still tells of this run.
_RUN = """
SELECT past.at_ms, jobs.queue, jobs.number, past.event = 'complete',
    max(0, jobs.started_at_ms - jobs.run_at_ms), past.duration_ms"""
_STILL = f"""
WHERE jobs.queue <> '{HOOKS_QUEUE}' AND past.event IN ('complete', 'bury')
    AND jobs.finished_at_ms = past.at_ms AND jobs.started_at_ms IS NOT NULL
    AND past.duration_ms IS NOT NULL
"""
RUNS = f"""{_RUN}
FROM (
    SELECT at_ms, job, event, duration_ms
    FROM events
    WHERE seq > :floor AND at_ms >= :since AND event IN ('complete', 'bury')
    ORDER BY seq DESC
    LIMIT :limit
) AS past
JOIN jobs ON jobs.number = past.job{_STILL}"""
SOME_RUNS = f"""{_RUN}
FROM json_each(:seqs) CROSS JOIN events AS past ON past.seq = value
CROSS JOIN jobs ON jobs.number = past.job{_STILL}"""
MOMENT_FROM = "SELECT at_ms FROM events WHERE seq >= :seq ORDER BY seq LIMIT 1"
NEWEST = "SELECT coalesce(max(seq), 0) FROM events"
OLDEST = "SELECT coalesce(min(seq), 0) FROM events"
_HISTORY = """
SELECT events.seq, events.at_ms, events.job, jobs.id, jobs.queue, events.event,
    events.duration_ms, events.detail
FROM events
LEFT JOIN jobs ON jobs.number = events.job
WHERE events.seq >= :floor AND events.seq < :below"""
HAPPENED = """
SELECT events.seq, events.at_ms, events.job, jobs.id, jobs.queue, events.event,
    events.duration_ms, events.detail
FROM events
LEFT JOIN jobs ON jobs.number = events.job
WHERE events.seq > :after
ORDER BY events.seq
LIMIT :limit
"""


def history(kinds: int, *, one_job: bool) -> str:
    """Return what finds a page of events: of so many kinds (0: all), perhaps of one job."""
    tests = []
    if kinds:
        tests.append(f"events.event IN ({', '.join(f':event{place}' for place in range(kinds))})")
    if one_job:
        tests.append("events.job = :job")
    return "\n  AND ".join([_HISTORY, *tests]) + "\nORDER BY events.seq DESC\nLIMIT :limit"
