"""Pages on what jobs wait for: held ones, relatives, mutexes, times; and what is done to them."""

from __future__ import annotations

import pytest

from queuectl_core.flow import HELD, After, Flow, Mutex, Unique
from queuectl_core.lifecycle import State
from queuectl_core.options import JobOptions
from tests import halves
from tests.builders import NOW_MS, completed, jobs_of, new_job, new_worker
from tests.web.test_pages import check


@pytest.fixture
def admin(client):
    return client("admin")


@pytest.fixture
def flowing(store, clock):
    """A job that runs with a mutex, one that waits for it, a chain, a held and a later one."""
    after = Flow(after=(After("first"),))
    store.enqueue(
        [
            new_job("./run", id="run", queue="db", flow=Flow(mutex=Mutex("db"))),
            new_job("./next", id="next", queue="db", flow=Flow(mutex=Mutex("db"))),
            new_job("./first", id="first"),
            new_job("./second", id="second", flow=after),
            new_job("./third", id="third", flow=Flow(after=(After("second", "any"),))),
            new_job("./held", id="held", flow=Flow(hold=True, unique=Unique("k", "started"))),
            new_job("./later", id="later", run_at_ms=NOW_MS + 60_000),
        ],
        now_ms=NOW_MS,
    )
    worker = store.register(new_worker(), now_ms=NOW_MS)
    (claim,) = halves.claim(store, worker=worker, limit=1, now_ms=NOW_MS, queues=["db"])
    halves.claim(store, worker=worker, limit=1, now_ms=NOW_MS, queues=["db"])  # parks the next
    return claim


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("second", ["waits for jobs", "first", "must complete", "third", "when it ends"]),
        ("third", ["must end", "second"]),
        ("next", ["waits for mutex", "Mutex db is held by", "run", "1 of 1 taken"]),
        ("run", ["1 of 1 taken", "running"]),
        ("held", ["held", "queuectl release held", "k, until it has started"]),
        ("later", ["scheduled", "waits for its time", "Run now"]),
    ],
)
def test_a_job_tells_what_it_waits_for(admin, flowing, name, told):
    page = admin.get(f"/jobs/{name}")

    check(page)
    assert [word for word in told if word not in page.text] == []


def test_a_parent_that_has_ended_is_told_with_its_end(admin, store, flowing):
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=NOW_MS, queues=["default"])
    halves.finish(store, [completed(claim)], now_ms=NOW_MS)
    store.remove([claim.job.number], now_ms=NOW_MS)

    assert "forgotten" in admin.get("/jobs/second").text
    assert "Wait for it" in admin.get("/jobs/second").text


def test_the_list_tells_why_jobs_wait(admin, flowing):
    text = admin.get("/jobs").text

    for word in ("waits for jobs", "waits for mutex", "held", "scheduled", "running"):
        assert f'<span class="word">{word}</span>' in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("reason:held", {"held"}),
        ("reason:dependency", {"second", "third"}),
        ("mutex:db", {"run", "next"}),
        ("-mutex:db reason:held", {"held"}),
    ],
)
def test_jobs_are_found_by_what_they_wait_for(admin, flowing, query, found):
    text = admin.get(f"/jobs?q={query}").text

    names = {"run", "next", "first", "second", "third", "held", "later"}
    assert {name for name in names if f"data-open>{name}</a>" in text} == found


def test_a_job_is_held_released_started_and_moved(admin, store, flowing):
    later = store.job_by_id("later").number

    def do(**form):
        assert admin.post(f"/jobs/{later}", form).status == 303
        return store.job_by_number(later)

    assert do(action="hold").blocked == HELD
    assert do(action="release").blocked is None
    assert do(action="start", run_at="+2h").run_at_ms == NOW_MS + 7_200_000
    assert do(action="now").run_at_ms == NOW_MS
    assert do(action="queue", queue="slow").queue == "slow"
    assert do(action="priority", priority="9").priority == 9


@pytest.mark.parametrize(
    "form",
    [
        {"action": "start", "run_at": "never"},
        {"action": "queue", "queue": "no such name"},
        {"action": "priority", "priority": "11"},
    ],
)
def test_a_value_that_makes_no_sense_changes_nothing(admin, store, flowing, form):
    before = store.job_by_id("later")

    assert admin.post(f"/jobs/{before.number}", form).status == 422

    assert store.job_by_id("later") == before


def test_what_can_not_be_done_to_a_job_is_said(admin, flowing):
    assert admin.post("/jobs/first", {"action": "release"}).status == 409
    assert admin.post("/jobs/run", {"action": "hold"}).status == 409


@pytest.mark.parametrize(
    ("action", "more", "count"),
    [("hold", {}, 5), ("release", {}, 1), ("now", {}, 6), ("queue", {"queue": "slow"}, 6)],
)
def test_many_are_asked_for_and_done(admin, store, flowing, action, more, count):
    form = {"action": action, "all": "1", "state": "pending", **more}

    asked = admin.post("/bulk", form)

    check(asked)
    assert f"{count} job" in asked.text
    assert admin.post("/bulk", form | {"sure": "1"}).status == 303
    jobs = jobs_of(store, states=(State.PENDING,))
    held = sum(bool((job.blocked or 0) & HELD) for job in jobs)
    assert held == {"hold": 6, "release": 0}.get(action, 1)
    assert {job.queue for job in jobs} == ({"slow"} if action == "queue" else {"db", "default"})


def test_a_copy_keeps_the_options_of_a_job(admin, store):
    options = JobOptions(ok_codes="0,3")
    store.enqueue([new_job("./odd", options=options)], now_ms=NOW_MS)

    admin.post("/jobs/1/copy")

    assert store.job_by_number(2).options == options


def test_the_form_adds_a_job_that_waits(admin, store, flowing):
    form = {"command": "./last", "id": "last", "after": "third, run:any", "mutex": "db=2"}

    response = admin.post("/enqueue", form | {"unique": "u=1h", "expires_at": "2h", "hold": "1"})

    assert response.status == 303
    job = store.job_by_id("last")
    assert (job.after, job.mutex, job.mutex_slots) == ("5:ok 1:any", "db", 2)
    assert (job.unique_key, job.unique_scope) == ("u", "1h")
    assert job.blocked & HELD
    assert job.expires_at_ms == NOW_MS + 7_200_000
