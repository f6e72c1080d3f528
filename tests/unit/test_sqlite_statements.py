from __future__ import annotations

import re

import apsw
import pytest

from queuectl_core.job import HIGHEST_PRIORITY, LOWEST_PRIORITY, Job
from queuectl_core.lifecycle import CLAIMABLE, EVENTS, STATES, TRANSITIONS
from queuectl_core.selection import Selection
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import connection as opening
from queuectl_core.storage.sqlite import statements as sql
from queuectl_core.storage.sqlite import statements_heads as heads_sql
from queuectl_core.storage.sqlite import statements_insight as insight_sql
from queuectl_core.storage.sqlite import statements_select as select_sql
from tests.builders import NOW_MS

PLAIN = {
    name: text
    for name, text in vars(sql).items()
    if isinstance(text, str) and re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", text)
}
COMPLETE = {name: text for name, text in PLAIN.items() if name != "_ACTIVE"} | {
    f"MOVES[{event}]": text for event, text in sql.MOVES.items()
}
BY_NUMBER = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"


@pytest.fixture
def raw(tmp_path):
    """Return a plain connection to an empty queue."""
    path = str(tmp_path / "queue.db")
    open_store(path, now_ms=NOW_MS).close()
    connection = apsw.Connection(path)
    yield connection
    connection.close()


def values_for(statement):
    """Return a NULL for each parameter."""
    names = re.findall(r"(?<!:):([a-z_]+[0-9]?)", statement)
    return dict.fromkeys(names) if names else (None,) * statement.count("?")


def plan(connection, statement):
    """Return the steps that SQLite takes."""
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values_for(statement))
    return [row[3] for row in rows]


def states_in(text):
    return tuple(re.findall(r"'([a-z]+)'", text))


def schema_of(connection, name):
    return connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).get


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("NEXT_JOB", "jobs_claim (queue=? AND priority=? AND run_at_ms<?)"),
        ("NEXT_CLEAR_JOB", "jobs_claim (queue=? AND priority=? AND run_at_ms<?)"),
        ("SUSPECT_RUNS", "jobs_state (state=?)"),
        ("BEST_HEAD", "heads USING INTEGER PRIMARY KEY (rowid=?)"),
        ("BEST_HEAD", "heads_open (priority=? AND run_at_ms<?)"),
        ("BEST_HEAD_OF_QUEUE", "heads USING INDEX sqlite_autoindex_heads_1 (queue=?)"),
        ("NEXT_JOB", "heads_open (priority=? AND run_at_ms<?)"),
        ("FIRST_OF_LINE", "jobs_claim (queue=? AND priority=?)"),
        ("BEFORE_CLAIM", "queues_opening (opens_at_ms>? AND opens_at_ms<?)"),
        ("BEFORE_CLAIM", "queues USING PRIMARY KEY (name=?)"),
        ("JOB_STATE", BY_NUMBER),
        ("JOB_BY_NUMBER", BY_NUMBER),
        ("JOB_BY_ID", "jobs_id (id=?)"),
        ("CANCEL_REQUESTS", "jobs_state (state=?)"),
        ("CLAIMS_OF", "jobs_state (state=?)"),
        ("HAS_CLAIMS", "jobs_state (state=?)"),
        ("HOLDERS", "jobs_state (state=?)"),
        ("REQUEST_CANCEL", BY_NUMBER),
        ("INSERT_ENQUEUE_EVENTS", "SEARCH jobs USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ("ATTEMPTS", "SEARCH attempts USING PRIMARY KEY (job=?)"),
        ("EVENTS", "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"),
        *[(f"MOVES[{event}]", BY_NUMBER) for event in EVENTS.values()],
    ],
)
def test_a_hot_statement_uses_its_index(raw, name, step):
    steps = plan(raw, COMPLETE[name])

    assert any(step in taken for taken in steps), steps


@pytest.mark.parametrize("name", COMPLETE)
def test_no_statement_reads_all_jobs_or_their_history(raw, name):
    steps = plan(raw, COMPLETE[name])

    assert not [step for step in steps if re.match(r"SCAN (jobs|attempts)\b", step)]


@pytest.mark.parametrize("name", ["EVENTS", "ATTEMPTS", "CLAIMS_OF"])
def test_a_listing_comes_from_its_index_in_order(raw, name):
    assert not [step for step in plan(raw, COMPLETE[name]) if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("way", "fields", "step"),
    [
        ("all", {}, "SEARCH jobs USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ("states", {"states": ("dead",)}, "jobs_state (state=? AND number>? AND number<?)"),
        ("queue", {"queue": "a"}, "jobs_queue (queue=? AND number>? AND number<?)"),
        ("tag", {"tag": "t"}, "job_tags USING PRIMARY KEY (tag=? AND job>? AND job<?)"),
    ],
)
def test_a_page_of_a_selection_comes_from_its_index_in_order(raw, way, fields, step):
    selection = Selection(grep="x", **fields)

    reading = plan(raw, select_sql.page(way, select_sql.tests(selection).values()))
    looking = plan(raw, select_sql.floor(selection, way))

    assert any(step in taken for taken in reading), reading
    assert not [taken for taken in reading + looking if "TEMP B-TREE" in taken]
    assert not [taken for taken in reading + looking if re.match(r"SCAN (jobs|job_tags)\b", taken)]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("COUNT_DUE", "jobs_claim (queue=? AND priority=? AND run_at_ms<?)"),
        ("COUNT_EARLIER", "jobs_claim (queue=? AND priority=? AND run_at_ms<?)"),
        ("FIGURES", "SEARCH rollups USING PRIMARY KEY (minute>? AND minute<?)"),
        ("BURIALS", "SCAN jobs USING COVERING INDEX jobs_dead"),
        ("BURIALS_IN_QUEUE", "SEARCH jobs USING COVERING INDEX jobs_dead (queue=?)"),
    ],
)
def test_an_insight_reads_its_index_alone(raw, name, step):
    steps = plan(raw, getattr(insight_sql, name))

    assert any(step in taken for taken in steps), steps
    assert name == "FIGURES" or not [taken for taken in steps if "TEMP B-TREE" in taken]


def test_pages_of_several_states_are_merged_in_order(raw):
    steps = plan(raw, select_sql.floor(Selection(states=("dead", "failed")), "states"))

    assert sum("jobs_state (state=? AND number<?)" in step for step in steps) == 2
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    "name", ["BEST_HEAD", "BEST_HEAD_OF_QUEUE", "NEXT_JOB", "NEXT_CLEAR_JOB", "FIRST_OF_LINE"]
)
def test_the_search_for_the_next_job_sorts_nothing(raw, name):
    steps = plan(raw, COMPLETE[name])

    assert not [step for step in steps if "TEMP" in step or "MATERIALIZE" in step]


def test_the_best_head_is_looked_up_once_for_each_priority(raw):
    steps = plan(raw, sql.BEST_HEAD)

    assert len([step for step in steps if "heads_open" in step]) == 10


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("OPEN_LINES", "heads_open (priority=?)"),
        ("UNPAUSED_LINES_OF", "heads USING INDEX sqlite_autoindex_heads_1 (queue=?)"),
        ("FIRST_STARTABLE", "jobs_claim (queue=? AND priority=?)"),
        ("FIRST_STARTABLE", "jobs_state (state=?)"),
        ("IS_DUE", "jobs_claim (queue=? AND priority=? AND run_at_ms<?)"),
        ("OPENING_QUEUES", "queues_opening (opens_at_ms>?)"),
    ],
)
def test_what_an_idle_worker_asks_comes_from_an_index(raw, name, step):
    steps = plan(raw, getattr(heads_sql, name))

    assert any(step in taken for taken in steps), steps


@pytest.mark.parametrize("event", EVENTS.values())
def test_a_move_names_the_states_of_the_table(event):
    sources, target = TRANSITIONS[event]
    found = re.search(r"state IN \(([^)]*)\)", sql.MOVES[event])

    assert states_in(found[1]) == tuple(state for state in sources)
    assert re.search(r"SET state = '([a-z]+)'", sql.MOVES[event])[1] == target


def test_every_event_has_a_move():
    assert set(sql.MOVES) == set(EVENTS.values())


def test_the_claim_looks_for_what_the_table_calls_claimable():
    assert states_in(sql.WAITING) == tuple(state for state in CLAIMABLE)
    for text in (sql.NEXT_JOB, sql.NEXT_CLEAR_JOB, sql.FIRST_OF_LINE, sql.LOWER_HEAD_TO):
        assert text.count(sql.FREE) == 1


def test_the_partial_index_says_the_same_as_the_claim(raw):
    assert schema_of(raw, "jobs_claim").endswith(f"WHERE {sql.FREE}")


def test_the_schema_allows_the_states_of_the_table_and_no_others(raw):
    found = re.search(r"CHECK \(state IN \(([^)]*)\)\)", schema_of(raw, "jobs"))

    assert states_in(found[1]) == tuple(state for state in STATES.values())


def test_the_schema_allows_the_priorities_of_a_job(raw):
    bounds = re.search(r"CHECK \(priority BETWEEN (\d+) AND (\d+)\)", schema_of(raw, "jobs"))

    assert (int(bounds[1]), int(bounds[2])) == (LOWEST_PRIORITY, HIGHEST_PRIORITY)
    assert list(sql.PRIORITIES) == list(range(10, 0, -1))


def test_the_schema_keeps_every_field_of_a_job(raw):
    columns = [row[1] for row in raw.execute("PRAGMA table_info(jobs)")]

    assert sorted(columns) == sorted(Job._fields)


@pytest.mark.parametrize("name", COMPLETE)
def test_a_statement_names_only_real_states(name):
    for listed in re.findall(r"state (?:IN \(([^)]*)\)|= ('[a-z]+'))", COMPLETE[name]):
        for state in states_in("".join(listed)):
            assert state in STATES


@pytest.mark.parametrize("name", COMPLETE)
def test_a_statement_names_its_columns(name):
    assert "SELECT *" not in COMPLETE[name]


def test_the_schema_is_strict_everywhere(raw):
    tables = [row for row in raw.execute("PRAGMA table_list") if not row[1].startswith("sqlite_")]

    assert tables
    assert all(strict for *_, strict in tables)


def test_a_state_that_the_table_does_not_know_is_refused(raw):
    with pytest.raises(apsw.ConstraintError):
        raw.execute(
            sql.INSERT_JOB.replace("'pending'", "'held'"),
            ("a", "q", 5, 0, 3, *[None] * 6, "retry", None, None, 0),
        )


def test_a_commit_is_on_disk_when_it_returns(tmp_path):
    path = str(tmp_path / "queue.db")
    open_store(path, now_ms=NOW_MS).close()

    connection = opening.connect(path)

    full = 2
    assert connection.execute("PRAGMA synchronous").get == full
    assert connection.execute("PRAGMA journal_mode").get == "wal"
    connection.close()
