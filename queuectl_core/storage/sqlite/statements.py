"""Every statement of the SQLite engine, in the order of a job's life.

Lists of states are rendered from the one table in lifecycle.py: a partial index serves a query only
when both name the same states in the same order, and lists typed by hand drift.
"""

from __future__ import annotations

from queuectl_core.job import (
    HIGHEST_PRIORITY,
    HOOKS_QUEUE,
    LOWEST_PRIORITY,
    ON_CRASH,
    SUSPECT_CRASHES,
    Job,
)
from queuectl_core.lifecycle import CLAIMABLE, FINAL, TRANSITIONS, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def _listed(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in states)


COLUMNS = ", ".join(Job._fields)
WAITING = f"state IN ({_listed(CLAIMABLE)})"
FREE = f"{WAITING} AND blocked IS NULL"
"""What the index of the claim holds: a blocked job is never looked at."""
PRIORITIES = range(HIGHEST_PRIORITY, LOWEST_PRIORITY - 1, -1)

BEGIN = "BEGIN IMMEDIATE"
BEGIN_READ = "BEGIN"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
IDENTITY = "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
VERSION = "PRAGMA user_version"
COUNT_TABLES = "SELECT count(*) FROM sqlite_schema"
RECORD_MIGRATION = "INSERT INTO migrations (number, name, applied_at_ms) VALUES (?, ?, ?)"
QUEUE_ID = "SELECT id FROM queue"
INSERT_QUEUE_ID = "INSERT INTO queue (id, created_at_ms) VALUES (:id, :now_ms)"

# --- enqueue ---

NEW_COLUMNS = (
    "id", "queue", "priority", "run_at_ms", "max_retries", "command", "argv", "cwd", "env",
    "timeout_ms", "backoff", "on_crash", "options", "tags", "created_at_ms",
)  # fmt: skip
"""In the order of rows.new_job."""
INSERT_JOB = f"""
INSERT INTO jobs (state, {", ".join(NEW_COLUMNS)})
VALUES ('{State.PENDING}', {", ".join("?" for _ in NEW_COLUMNS)})
"""


def insert_jobs(places: Mapping[str, str]) -> str:
    """Return what inserts many jobs from an array; `places` are the columns read from its elements.

    json_each gives the elements of an array in their order (https://sqlite.org/json1.html).
    """
    values = {**{name: f":{name}" for name in NEW_COLUMNS}, **places}
    return f"""
INSERT INTO jobs (state, {", ".join(values)})
SELECT '{State.PENDING}', {", ".join(values.values())}
FROM json_each(:rest)
"""


INSERT_NAMED_JOB = f"""
{INSERT_JOB}
ON CONFLICT (id) WHERE id IS NOT NULL DO NOTHING
RETURNING number
"""
INSERT_ENQUEUE_EVENTS = """
INSERT INTO events (at_ms, job, event)
SELECT :now_ms, number, 'enqueue'
FROM jobs
WHERE number BETWEEN :first AND :last
"""
INSERT_TAGS = """
INSERT INTO job_tags (tag, job)
SELECT DISTINCT value, number
FROM jobs, json_each(jobs.tags)
WHERE number BETWEEN :first AND :last AND tags IS NOT NULL
"""
DROP_ID = "UPDATE jobs SET id = NULL WHERE number = :number"

# --- heads ---
# For each queue and priority a row of `heads` says where its line begins at the earliest. So a
# claim looks at one row for each priority, however many queues there are. With each queue asked
# by itself a finish with its claim took 142 us of CPU with 1 queue, 9,390 with 1,000.

_LOWER = """
ON CONFLICT (queue, priority) DO UPDATE
SET run_at_ms = excluded.run_at_ms, number = excluded.number
WHERE (excluded.run_at_ms, excluded.number) < (heads.run_at_ms, heads.number)
"""
LOWER_HEAD = f"""
INSERT INTO heads (queue, priority, run_at_ms, number, shut)
VALUES (:queue, :priority, :run_at_ms, :number,
    coalesce((SELECT shut FROM queues WHERE name = :queue), 0))
{_LOWER}"""
LOWER_HEAD_TO = f"""
INSERT INTO heads (queue, priority, run_at_ms, number, shut)
SELECT queue, priority, run_at_ms, number,
    coalesce((SELECT shut FROM queues WHERE name = jobs.queue), 0)
FROM jobs
WHERE number = :number AND {FREE}
{_LOWER}"""
HAS_DOOR = """
SELECT 1
FROM queues
WHERE name = ? AND (max_pending IS NOT NULL OR draining_at_ms IS NOT NULL)
"""
IS_LIMITED = """
SELECT 1
FROM queues
WHERE name = ? AND (concurrency IS NOT NULL OR rate_jobs IS NOT NULL)
"""

# --- claim ---
# One lookup per priority, the most urgent first: each ends at the first row of the index or finds
# none, and `coalesce` asks no further than the first hit. No CTE, no ORDER BY over them: those need
# ephemeral tables, whose page caches are 100 kB of malloc and free for each claim (150 us).

ALL_QUEUES = "*"
"""The name of the row that pauses all queues: no queue can have it."""
BEFORE_CLAIM = f"""
SELECT name
FROM queues
WHERE name = '{ALL_QUEUES}' AND paused_at_ms IS NOT NULL
UNION ALL
SELECT name
FROM queues INDEXED BY queues_opening
WHERE opens_at_ms IS NOT NULL AND opens_at_ms <= :now_ms
"""
"""Whether all queues are paused, and those of which the rate allows more by now."""
_DUE = "AND run_at_ms <= :now_ms"
_CLEAR = f"AND crashes < {SUSPECT_CRASHES}"


def _best_head(priority: int) -> str:
    return f"""(
        SELECT id
        FROM heads
        WHERE shut = 0 AND priority = {priority} {_DUE}
        ORDER BY run_at_ms, number
        LIMIT 1
    )"""


BEST_HEAD = f"""
SELECT id, queue, priority
FROM heads
WHERE id = coalesce({", ".join(map(_best_head, PRIORITIES))})
"""
BEST_HEAD_OF_QUEUE = f"""
SELECT id, queue, priority
FROM heads
WHERE queue = :queue AND shut = 0 {_DUE}
ORDER BY priority DESC
LIMIT 1
"""


def first(columns: str, which: str = "") -> str:
    """Return what finds the first job of a line."""
    return f"""
SELECT {columns}
FROM jobs
WHERE {FREE} AND queue = :queue AND priority = :priority {which}
ORDER BY run_at_ms, number
LIMIT 1
"""


_OTHERS_GO_FIRST = """EXISTS (
        SELECT 1
        FROM heads
        WHERE shut = 0 AND priority = :priority AND queue <> :queue
          AND (run_at_ms, number) < (jobs.run_at_ms, jobs.number)
    )"""
_DUE_JOB = f"""priority, run_at_ms, number, state, queue,
    starts = 0 AND on_crash = '{ON_CRASH[0]}' AND mutex IS NULL AND expires_at_ms IS NULL,
    crashes, EXISTS ({IS_LIMITED.replace("?", ":queue")}), {_OTHERS_GO_FIRST},
    mutex, iif(starts, NULL, expires_at_ms)"""
NEXT_JOB = first(_DUE_JOB, _DUE)
# Asked only when the best job is a suspect and another one runs: told apart within the one
# statement, it took 2 to 5 % more for every claim. Suspects are few, so no index knows them.
NEXT_CLEAR_JOB = first(_DUE_JOB, f"{_DUE} {_CLEAR}")
DUE_HEADS = f"""
SELECT queue, priority, run_at_ms, number
FROM heads
WHERE shut = 0 {_DUE}
ORDER BY priority DESC, run_at_ms, number
"""
FIRST_OF_LINE = first("run_at_ms, number")
RAISE_HEAD = """
UPDATE heads
SET run_at_ms = :run_at_ms, number = :number
WHERE id = :id AND (run_at_ms, number) < (:run_at_ms, :number)
"""
DROP_HEAD = "DELETE FROM heads WHERE id = ?"
SUSPECTS_RUN = f"""
SELECT 1
FROM jobs
WHERE state = '{State.PROCESSING}' AND crashes >= {SUSPECT_CRASHES}
"""
SUSPECT_RUNS = f"SELECT EXISTS ({SUSPECTS_RUN})"

# --- moves ---
# One guarded UPDATE per event; only the ledger may run them, it writes the event row too. Without
# RETURNING: that collects its rows in an ephemeral table, whose page cache is 100 kB of malloc and
# free; a finish with its claim took 340 us of CPU, and takes 170 with a SELECT instead.

_FENCE = "AND token = :token"


def _move(event: Event, changes: str, *, fence: str = "") -> str:
    sources, target = TRANSITIONS[event]
    return f"""
UPDATE jobs
SET state = '{target}', {changes}
WHERE number = :number AND state IN ({_listed(sources)}) {fence}
"""


_NO_OUTCOME = """finished_at_ms = NULL, exit_code = NULL, signal = NULL, error = NULL,
    duration_ms = NULL, cpu_ms = NULL, max_rss_bytes = NULL"""
_ENDED = """reason = :reason, run_at_ms = coalesce(:run_at_ms, run_at_ms),
    attempts = attempts - :uncounted, starts = starts - :unused,
    started_at_ms = iif(:unused, NULL, started_at_ms), crashes = crashes + :crashed,
    token = NULL, cancel_requested = 0, finished_at_ms = :finished_at_ms,
    exit_code = :exit_code, signal = :signal, error = :error,
    duration_ms = :duration_ms, cpu_ms = :cpu_ms, max_rss_bytes = :max_rss_bytes"""

MOVES: Mapping[Event, str] = {
    Event.CLAIM: _move(
        Event.CLAIM,
        f"""reason = NULL, worker = :worker, token = random(),
    attempts = attempts + 1, starts = starts + 1,
    started_at_ms = :started_at_ms, cancel_requested = 0, {_NO_OUTCOME}""",
    ),
    **{
        event: _move(event, _ENDED, fence=_FENCE)
        for event in (
            Event.COMPLETE, Event.FAIL, Event.BURY, Event.STOP, Event.RELEASE, Event.RESCUE
        )
    },
    Event.CANCEL: _move(Event.CANCEL, "reason = :reason, finished_at_ms = :now_ms, blocked = NULL"),
    Event.REVIVE: _move(
        Event.REVIVE,
        f"""reason = NULL, run_at_ms = :run_at_ms, attempts = 0, crashes = 0,
    started_at_ms = NULL, worker = NULL, blocked = NULL, expires_at_ms = NULL, {_NO_OUTCOME}""",
    ),
}  # fmt: skip

REQUEST_CANCEL = f"""
UPDATE jobs
SET cancel_requested = 1
WHERE number = :number AND state = '{State.PROCESSING}'
"""
CANCEL_WANTED = f"""
SELECT 1
FROM jobs
WHERE number = :number AND state = '{State.PROCESSING}' AND token = :token
  AND cancel_requested = 1
"""
CANCEL_REQUESTS = f"""
SELECT token
FROM jobs
WHERE state = '{State.PROCESSING}' AND cancel_requested = 1 AND worker = :worker
"""

# Asked after each end: most queues have no dependency and no hook at all, and the rest is in
# statements_flow.py and statements_hooks.py.
CHILDREN_WAIT, HOOKS_LISTEN = 1, 2
LISTENERS = f"""
SELECT EXISTS (SELECT 1 FROM dependencies) * {CHILDREN_WAIT}
    + EXISTS (SELECT 1 FROM hooks) * {HOOKS_LISTEN}
"""

SCHEDULE_SUCCESS = """
UPDATE schedules
SET ok_at_ms = :now_ms, late_at_ms = NULL,
    expect_at_ms = iif(paused_at_ms IS NULL, :now_ms + expect_ms, NULL)
WHERE name = :name
"""

# --- history and figures ---

INSERT_ATTEMPT = """
INSERT INTO attempts
    (job, start, worker, started_at_ms, finished_at_ms, ending, exit_code, signal, error,
     duration_ms, cpu_ms, max_rss_bytes, output_bytes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_EVENT = "INSERT INTO events (at_ms, job, event, duration_ms, detail) VALUES (?, ?, ?, ?, ?)"
ADD_COUNT = """
INSERT INTO counts (queue, state, jobs)
VALUES (?, ?, ?)
ON CONFLICT (queue, state) DO UPDATE SET jobs = jobs + excluded.jobs
"""
ADD_ROLLUP = """
INSERT INTO rollups (minute, queue, event, events, duration_ms)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (minute, queue, event) DO UPDATE
SET events = events + excluded.events, duration_ms = duration_ms + excluded.duration_ms
"""

# --- looking ---

JOB_STATE = "SELECT state, queue, mutex FROM jobs WHERE number = :number"
JOB_BY_NUMBER = f"SELECT {COLUMNS} FROM jobs WHERE number = :number"
JOB_BY_ID = f"SELECT {COLUMNS} FROM jobs WHERE id = :id"
ATTEMPTS = """
SELECT job, start, worker, started_at_ms, finished_at_ms, ending, exit_code, signal, error,
    duration_ms, cpu_ms, max_rss_bytes, output_bytes
FROM attempts
WHERE job = :number
ORDER BY start
"""
EVENTS = f"""
SELECT events.at_ms, events.job, jobs.id, events.event, events.duration_ms, events.detail
FROM events
LEFT JOIN jobs ON jobs.number = events.job
WHERE jobs.queue IS NOT '{HOOKS_QUEUE}'
ORDER BY events.seq DESC
LIMIT :limit
"""
COUNTS = "SELECT queue, state, jobs FROM counts WHERE jobs > 0 ORDER BY queue, state"

# What a schedule is, for those who only count; services/schedules.py says the same of one.
SCHEDULE_STATES = """
SELECT name, CASE
    WHEN paused_at_ms IS NOT NULL THEN 'paused'
    WHEN late_at_ms IS NOT NULL OR expect_at_ms <= :now_ms THEN 'late'
    WHEN next_at_ms IS NULL THEN 'over'
    ELSE 'active'
END
FROM schedules
ORDER BY name
"""

# --- workers ---

INSERT_WORKER = """
INSERT OR REPLACE INTO workers
    (id, host, pid_space, supervisor_pid, pool_pid, threads, queues, version,
     started_at_ms, seen_at_ms, name)
VALUES (:id, :host, :pid_space, :supervisor_pid, :pool_pid, :threads, :queues, :version,
     :now_ms, :now_ms, :name)
"""
HEARTBEAT = "UPDATE workers SET seen_at_ms = :now_ms, stopping = :stopping WHERE id = :id"
WORKERS = """
SELECT id, host, pid_space, supervisor_pid, pool_pid, threads, queues, version,
    started_at_ms, seen_at_ms, stopping, name
FROM workers
ORDER BY id
"""
CLAIMS_OF = f"""
SELECT {COLUMNS}
FROM jobs
WHERE state = '{State.PROCESSING}' AND worker = :worker
ORDER BY number
"""
HAS_CLAIMS = f"""
SELECT EXISTS (SELECT 1 FROM jobs WHERE state = '{State.PROCESSING}' AND worker = :worker)
"""
HOLDERS = f"SELECT DISTINCT worker FROM jobs WHERE state = '{State.PROCESSING}'"
DELETE_WORKER = "DELETE FROM workers WHERE id = :id"

# --- upkeep ---
# The history lies in the order in which jobs ended: its oldest rows name the jobs to forget, and no
# index by the moment of the end has to be kept in the hot loop.

FORGETTABLE = tuple(state for state in FINAL if state is not State.DEAD)
IMPORT = "import"
"""The event of a job that comes in the state that it had elsewhere: perhaps it has ended there."""
ENDINGS = frozenset(
    [*(event for event, (_, target) in TRANSITIONS.items() if target in FORGETTABLE), IMPORT]
)
COUNT_FORGETTABLE = f"""
SELECT coalesce(sum(jobs), 0)
FROM counts
WHERE state IN ({_listed(FORGETTABLE)})
"""
OLDEST_EVENTS = "SELECT seq, at_ms, job, event FROM events ORDER BY seq LIMIT :limit"
ENDED_JOB = f"""
SELECT state, queue, starts, tags
FROM jobs
WHERE number = :number AND state IN ({_listed(FORGETTABLE)}) AND finished_at_ms = :at_ms
"""
DELETE_JOB = "DELETE FROM jobs WHERE number = :number"
DELETE_TAGS = """
DELETE FROM job_tags
WHERE job = :number AND tag IN (SELECT value FROM json_each(:tags))
"""
DELETE_ATTEMPTS = "DELETE FROM attempts WHERE job = :number"
DELETE_EVENTS = "DELETE FROM events WHERE seq <= :last"
MINUTES_A_DAY = 24 * 60
OLD_MINUTES = f"""
SELECT minute, queue, event, events, duration_ms
FROM rollups
WHERE minute < :before AND minute % {MINUTES_A_DAY} > 0
ORDER BY minute
LIMIT :limit
"""
DELETE_ROLLUP = "DELETE FROM rollups WHERE minute = ? AND queue = ? AND event = ?"
