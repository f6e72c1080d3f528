"""Statements about what jobs wait for besides their time.

Apart from those that every command loads: a cold `enqueue` without such a wish needs none.
"""

from __future__ import annotations

from queuectl_core.flow import DEPENDENCY, HELD, MUTEX
from queuectl_core.lifecycle import FINAL, STATES, State
from queuectl_core.storage.sqlite.statements import COLUMNS, FREE, PRIORITIES, WAITING

_OPEN = ", ".join(f"'{state}'" for state in STATES.values() if state not in FINAL)
_LISTED = ", ".join(str(priority) for priority in PRIORITIES)

# --- enqueue ---

SET_FLOW = """
UPDATE jobs
SET blocked = :blocked, after = :after, unique_key = :unique_key, unique_scope = :unique_scope,
    mutex = :mutex, mutex_slots = :mutex_slots, expires_at_ms = :expires_at_ms
WHERE number = :number
"""
PARENT_BY_ID = "SELECT number, state FROM jobs WHERE id = :id"
PARENT_BY_NUMBER = "SELECT number, state FROM jobs WHERE number = :number"
INSERT_DEPENDENCY = """
INSERT OR IGNORE INTO dependencies (parent, child, condition)
VALUES (:parent, :child, :condition)
"""
_SAME_KEY = "SELECT number, id, state, queue, mutex, run_at_ms FROM jobs WHERE unique_key = :key"
NOT_STARTED = f"{_SAME_KEY} AND state = '{State.PENDING}' AND attempts = 0 LIMIT 1"
NOT_FINISHED = f"{_SAME_KEY} AND state IN ({_OPEN}) LIMIT 1"
_KEPT = ", ".join(f"'{state}'" for state in STATES.values() if state is not State.CANCELLED)
OF_PERIOD = f"{_SAME_KEY} AND state IN ({_KEPT}) AND created_at_ms > :since LIMIT 1"

# --- dependencies ---

CHILDREN = """
SELECT child, condition
FROM dependencies
WHERE parent = :parent
ORDER BY child
LIMIT :limit
"""
DELETE_DEPENDENCY = """
DELETE FROM dependencies
WHERE parent = :parent AND child = :child AND condition = :condition
"""
DELETE_PARENTS = "DELETE FROM dependencies WHERE child = :child"
HAS_PARENTS = "SELECT EXISTS (SELECT 1 FROM dependencies WHERE child = :child)"
KEEP_ENDING = "INSERT OR REPLACE INTO endings (parent, state) VALUES (:parent, :state)"
ENDINGS = "SELECT parent, state FROM endings ORDER BY parent LIMIT :limit"
DELETE_ENDING = "DELETE FROM endings WHERE parent = :parent"
PARENTS = """
SELECT dependencies.parent, jobs.id, jobs.state, dependencies.condition
FROM dependencies
LEFT JOIN jobs ON jobs.number = dependencies.parent
WHERE dependencies.child = :child
ORDER BY dependencies.parent
LIMIT :limit
"""
CHILDREN_NAMED = """
SELECT dependencies.child, jobs.id, jobs.state, dependencies.condition
FROM dependencies
LEFT JOIN jobs ON jobs.number = dependencies.child
WHERE dependencies.parent = :parent
ORDER BY dependencies.child
LIMIT :limit
"""

# --- a job's own place ---

STANDING = "SELECT state, blocked, mutex FROM jobs WHERE number = :number"

WISHES = f"""
SELECT blocked, state, queue, mutex, mutex_slots, priority, run_at_ms, after
FROM jobs
WHERE number = :number AND {WAITING}
"""
SET_BLOCKED = "UPDATE jobs SET blocked = nullif(:blocked, 0) WHERE number = :number"
EXPIRED = f"""
SELECT number, state, queue, mutex
FROM jobs INDEXED BY jobs_expiry
WHERE expires_at_ms IS NOT NULL AND expires_at_ms <= :now_ms
  AND state = '{State.PENDING}' AND starts = 0
LIMIT :limit
"""
ANY_LEFT = f"""
SELECT EXISTS (SELECT 1 FROM endings)
    OR EXISTS ({EXPIRED})
"""

# --- mutexes ---
# Nothing counts the holders but the jobs themselves: the figure can't drift, whoever dies.

RUNNING = f"""
SELECT count(*)
FROM jobs
WHERE mutex = :mutex AND blocked IS NULL AND state = '{State.PROCESSING}'
"""
HOLDERS = f"""
SELECT {COLUMNS}
FROM jobs INDEXED BY jobs_mutex
WHERE mutex = :mutex AND blocked IS NULL AND state = '{State.PROCESSING}'
ORDER BY number
LIMIT :limit
"""
HOLDER = f"""
SELECT number, id
FROM jobs INDEXED BY jobs_mutex
WHERE mutex = :mutex AND blocked IS NULL AND state = '{State.PROCESSING}'
ORDER BY number
LIMIT 1
"""
IS_FULL = f"SELECT mutex_slots <= ({RUNNING}) FROM jobs WHERE number = :number"
_STANDING = f"""
        SELECT 1
        FROM jobs INDEXED BY jobs_mutex
        WHERE mutex = :mutex AND blocked IS NULL AND {WAITING} AND queue = :queue"""
AHEAD = f"""
SELECT count(*)
FROM (
    SELECT 1
    FROM ({_STANDING}
          AND priority IN ({_LISTED}) AND priority > :priority AND run_at_ms <= :now_ms
        UNION ALL{_STANDING}
          AND priority = :priority AND (run_at_ms, number) < (:run_at_ms, :number))
    LIMIT :limit
)
"""
PARK = f"""
UPDATE jobs
SET blocked = {MUTEX}
WHERE number IN (
    SELECT number
    FROM jobs
    WHERE mutex = :mutex AND {FREE} AND queue = :queue AND priority IN ({_LISTED})
      AND run_at_ms <= :now_ms AND mutex_slots <= :running
    LIMIT :limit
)
"""
NEXT_PARKED_QUEUE = f"""
SELECT min(queue)
FROM jobs
WHERE blocked = {MUTEX} AND mutex = :mutex AND queue > :queue
"""
BEST_PARKED = f"""
SELECT number, mutex_slots, priority, run_at_ms
FROM jobs
WHERE blocked = {MUTEX} AND mutex = :mutex AND queue = :queue
ORDER BY priority DESC, run_at_ms, number
LIMIT :limit
"""

# --- the doctor's ---

_LOST = f"blocked & {DEPENDENCY} AND number NOT IN (SELECT child FROM dependencies)"
_FORGOTTEN = f"""blocked = {MUTEX} AND mutex NOT IN (
    SELECT mutex FROM jobs WHERE mutex IS NOT NULL AND state = '{State.PROCESSING}'
) AND mutex NOT IN (
    SELECT mutex FROM jobs WHERE mutex IS NOT NULL AND {FREE} AND run_at_ms <= :now_ms
)"""
STRAYS = f"""
SELECT number
FROM jobs
WHERE {WAITING} AND blocked IS NOT NULL AND ({_LOST} OR {_FORGOTTEN})
ORDER BY number
"""
DANGLING = f"""
SELECT count(*)
FROM dependencies
WHERE child NOT IN (SELECT number FROM jobs WHERE blocked & {DEPENDENCY})
"""
DELETE_DANGLING = DANGLING.replace("SELECT count(*)\nFROM", "DELETE FROM")
HELD_JOB = f"SELECT blocked FROM jobs WHERE number = :number AND blocked & {HELD}"
