from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.errors import BadData
from queuectl_core.flow import After, Flow, Mutex, Unique
from queuectl_core.services import intake, jobs
from queuectl_core.services.intake import Defaults
from tests import builders
from tests.builders import NOW_MS

DEFAULTS = Defaults(3, NOW_MS)
MINUTE_MS = 60_000


def wish(**fields):
    """Return the flow of a job with these fields."""
    return intake.new_job({"command": "true"} | fields, DEFAULTS).flow


def test_a_job_without_a_wish_has_no_flow():
    nothing = dict.fromkeys(["after", "unique", "mutex", "expires_at"])

    assert wish() is None
    assert wish(**nothing, hold=False) is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("17", After("17", "ok")),
        ("#17:any", After("#17", "any")),
        ("load:fail", After("load", "fail")),
        ("mail:17", After("mail:17", "ok")),
        ("mail:ok:any", After("mail:ok", "any")),
        ("id:17", After("id:17", "ok")),
    ],
)
def test_after_is_a_job_and_how_it_has_to_end(word, meant):
    assert wish(after=word) == wish(after=[word]) == Flow(after=(meant,))


def test_a_parent_that_is_named_twice_counts_once():
    assert wish(after=["a", "b", "a:ok"]) == Flow(after=(After("a"), After("b")))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("k", Unique("k")),
        ("k=finished", Unique("k")),
        ("k=started", Unique("k", "started")),
        ("k=90", Unique("k", "1m30s", 90_000)),
        ("k=1h", Unique("k", "1h", 3_600_000)),
    ],
)
def test_unique_is_a_key_and_its_scope(text, meant):
    assert wish(unique=text) == Flow(unique=meant)


@pytest.mark.parametrize(("text", "meant"), [("db", Mutex("db")), ("db=3", Mutex("db", 3))])
def test_mutex_is_a_key_and_how_many(text, meant):
    assert wish(mutex=text) == Flow(mutex=meant)


@pytest.mark.parametrize(
    ("run_at", "expires_at", "after_ms"),
    [
        (None, "10m", 10 * MINUTE_MS),
        (None, "+10m", 10 * MINUTE_MS),
        ("+1h", "10m", 70 * MINUTE_MS),
        ("2001-01-01T00:00:00Z", "10m", 10 * MINUTE_MS),
        (None, f"@{NOW_MS // 1000 + 60}", MINUTE_MS),
    ],
)
def test_a_span_until_the_end_counts_from_when_the_job_is_due(run_at, expires_at, after_ms):
    flow = wish(run_at=run_at, expires_at=expires_at)

    assert flow == Flow(expires_at_ms=NOW_MS + after_ms)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"after": 17}, "after must be a list"),
        ({"after": [17]}, "after must be a list"),
        ({"after": "a b"}, "is not a name"),
        ({"after": ["x"] * 10_001}, "the limit is 10,000"),
        ({"unique": 5}, "unique must be text"),
        ({"unique": "k=soon"}, "is no scope"),
        ({"unique": "k="}, "is no scope"),
        ({"unique": "=1h"}, "is not a name"),
        ({"mutex": "db=0"}, "from 1 to 1000"),
        ({"mutex": "db=1001"}, "from 1 to 1000"),
        ({"mutex": "db=x"}, "from 1 to 1000"),
        ({"mutex": ["db"]}, "mutex must be text"),
        ({"expires_at": 60}, "as text"),
        ({"expires_at": "someday"}, "expires_at: "),
        ({"expires_at": "0"}, "is not after the moment"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "is not after the moment"),
        ({"run_at": "+2h", "expires_at": "@1700003600"}, "is not after the moment"),
        ({"hold": "yes"}, "true or false"),
    ],
)
def test_a_wrong_wish_is_named_with_what_is_right(fields, part):
    with pytest.raises(BadData, match=part) as caught:
        wish(**fields)

    assert "after" in fields or caught.value.hint or "text" in part or "true" in part


@given(st.dictionaries(st.sampled_from(sorted(intake.FLOW_FIELDS)), st.text() | st.integers()))
def test_whatever_is_wished_is_a_flow_or_bad_data(fields):
    try:
        flow = wish(**fields)
    except BadData:
        return
    assert flow is None or isinstance(flow, Flow)


def test_a_record_of_a_job_that_waits_reads_back_as_the_same_wish():
    job = builders.job(
        blocked=1, after="17:ok 18:any", unique_key="k", unique_scope="1h", mutex="db",
        mutex_slots=3, expires_at_ms=NOW_MS + MINUTE_MS, state="pending",
    )  # fmt: skip

    record = jobs.record(job)
    again = intake.new_job(record, DEFAULTS)

    assert record["reason"] == "held"
    assert again.flow == Flow(
        (After("#17"), After("#18", "any")),
        Unique("k", "1h", 3_600_000),
        Mutex("db", 3),
        NOW_MS + MINUTE_MS,
        hold=True,
    )
    assert intake.new_job(jobs.draft_record(again), DEFAULTS).flow == again.flow


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"unique_key": "k", "unique_scope": "finished"}, {"unique": "k"}),
        ({"unique_key": "k", "unique_scope": "started"}, {"unique": "k=started"}),
        ({"mutex": "db", "mutex_slots": 1}, {"mutex": "db"}),
    ],
)
def test_a_record_says_no_more_than_is_needed(fields, written):
    record = jobs.record(builders.job(**fields))

    names = ("after", "unique", "mutex", "hold")
    assert {name: record[name] for name in names if record[name] is not None} == written
