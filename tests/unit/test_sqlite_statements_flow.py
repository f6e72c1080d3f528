from __future__ import annotations

import re

import apsw
import pytest

from queuectl_core.flow import DEPENDENCY, ENDS, MUTEX, REASONS
from queuectl_core.lifecycle import CLAIMABLE, FINAL
from queuectl_core.storage import open_store
from queuectl_core.storage.sqlite import statements_flow as sql
from tests.builders import NOW_MS
from tests.unit.test_sqlite_statements import plan, schema_of

PLAIN = {
    name: text
    for name, text in vars(sql).items()
    if isinstance(text, str)
    and not name.startswith("_")
    and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b", text)
}
FOR_THE_DOCTOR = {"STRAYS", "DANGLING", "DELETE_DANGLING"}
LINE = "jobs_mutex (mutex=? AND blocked=? AND state=? AND queue=? AND priority=? AND run_at_ms<?)"


@pytest.fixture
def raw(tmp_path):
    """Return a plain connection to an empty queue."""
    path = str(tmp_path / "queue.db")
    open_store(path, now_ms=NOW_MS).close()
    connection = apsw.Connection(path)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("NOT_STARTED", "jobs_unique (unique_key=? AND state=?)"),
        ("NOT_FINISHED", "jobs_unique (unique_key=? AND state=?)"),
        ("OF_PERIOD", "jobs_unique (unique_key=? AND state=? AND created_at_ms>?)"),
        ("PARENT_BY_ID", "jobs_id (id=?)"),
        ("CHILDREN", "SEARCH dependencies USING PRIMARY KEY (parent=?)"),
        ("HAS_PARENTS", "dependencies_child (child=?)"),
        ("DELETE_PARENTS", "dependencies_child (child=?)"),
        ("PARENTS", "dependencies_child (child=?)"),
        ("EXPIRED", "jobs_expiry (expires_at_ms>? AND expires_at_ms<?)"),
        ("ANY_LEFT", "jobs_expiry (expires_at_ms>? AND expires_at_ms<?)"),
        ("RUNNING", "COVERING INDEX jobs_mutex (mutex=? AND blocked=? AND state=?)"),
        ("IS_FULL", "COVERING INDEX jobs_mutex (mutex=? AND blocked=? AND state=?)"),
        ("HOLDERS", "jobs_mutex (mutex=? AND blocked=? AND state=?)"),
        ("AHEAD", LINE),
        ("PARK", LINE),
        ("NEXT_PARKED_QUEUE", "jobs_parked (mutex=? AND queue>?)"),
        ("BEST_PARKED", "jobs_parked (mutex=? AND queue=?)"),
    ],
)
def test_a_statement_of_the_flow_uses_its_index(raw, name, step):
    steps = plan(raw, PLAIN[name])

    assert any(step in taken for taken in steps), steps


@pytest.mark.parametrize("name", PLAIN.keys() - FOR_THE_DOCTOR)
def test_no_statement_but_the_doctors_reads_all_jobs(raw, name):
    steps = plan(raw, PLAIN[name])

    assert not [step for step in steps if re.match(r"SCAN (jobs|dependencies)\b", step)]
    assert not [step for step in steps if "jobs_state" in step]


@pytest.mark.parametrize("name", ["BEST_PARKED", "CHILDREN"])
def test_a_line_comes_from_its_index_in_order(raw, name):
    assert not [step for step in plan(raw, PLAIN[name]) if "TEMP B-TREE" in step]


def test_only_parked_jobs_are_in_the_index_of_the_parked(raw):
    assert schema_of(raw, "jobs_parked").endswith(f"WHERE blocked = {MUTEX}")


def test_the_schema_allows_the_conditions_of_the_table(raw):
    found = re.search(r"CHECK \(condition IN \(([^)]*)\)\)", schema_of(raw, "dependencies"))

    assert re.findall(r"'(\w+)'", found[1]) == list(ENDS)


def test_of_ok_and_fail_each_end_is_one():
    assert sorted(ENDS["ok"] + ENDS["fail"]) == sorted(ENDS["any"]) == sorted(FINAL)
    assert not set(ENDS["any"]) & set(CLAIMABLE)


def test_each_bit_has_its_word():
    assert list(REASONS) == [1, DEPENDENCY, MUTEX] == [1, 2, 4]
