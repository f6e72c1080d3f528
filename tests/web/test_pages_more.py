"""Undo, numbers that are typed, settings, workers that stop, exports, ranges side by side."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from queuectl_core import machine
from queuectl_core.flow import HELD
from tests import halves
from tests.builders import MINUTE_MS, NOW_MS, completed, jobs_of, new_job, new_worker
from tests.web.test_pages import check


@pytest.fixture
def admin(client):
    return client("admin")


def undo(browser, page) -> dict[str, str]:
    """Press Undo on a page; return what was sent."""
    before = page.text.partition(">Undo<")[0]
    form = re.search(
        r'action="([^"]+)" class="inline">(.*)', before[before.rindex("<form") :], re.S
    )
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[2]))
    assert browser.post(form[1], fields).status == 303
    return fields


# --- undo ---


def test_a_pause_is_taken_back(admin, store):
    store.enqueue([new_job(queue="mail")], now_ms=NOW_MS)
    admin.post("/queues/pause", {"queue": "mail"})
    page = admin.get("/queues")
    check(page)

    undo(admin, page)

    assert store.pauses() == []


def test_a_resume_is_taken_back_with_its_reason(admin, store):
    store.enqueue([new_job(queue="mail")], now_ms=NOW_MS)
    store.pause("mail", by="ada", reason="a & b", now_ms=NOW_MS)
    admin.post("/queues/resume", {"queue": "mail"})

    fields = undo(admin, admin.get("/queues"))

    assert fields["queue"] == "mail"
    assert [(one.queue, one.by) for one in store.pauses()] == [("mail", "admin")]


def test_changes_of_a_job_are_taken_back(admin, store):
    store.enqueue([new_job(run_at_ms=NOW_MS + MINUTE_MS, priority=3)], now_ms=NOW_MS)
    before = store.job_by_number(1)

    for form in (
        {"action": "hold"},
        {"action": "now"},
        {"action": "priority", "priority": "9"},
        {"action": "queue", "queue": "slow"},
    ):
        admin.post("/jobs/1", form)
        assert store.job_by_number(1) != before
        undo(admin, admin.get("/jobs/1"))
        assert store.job_by_number(1) == before, form


def test_a_release_is_taken_back(admin, store):
    store.enqueue([new_job()], now_ms=NOW_MS)
    store.hold([1], now_ms=NOW_MS)
    admin.post("/jobs/1", {"action": "release"})

    undo(admin, admin.get("/jobs/1"))

    assert store.job_by_number(1).blocked == HELD


def test_what_can_not_be_taken_back_offers_no_undo(admin, store):
    store.enqueue([new_job()], now_ms=NOW_MS)
    admin.post("/jobs/1", {"action": "cancel"})

    assert ">Undo<" not in admin.get("/jobs/1").text


# --- numbers that are typed ---


def test_the_number_of_very_many_jobs_is_typed(admin, store):
    store.enqueue([new_job() for _ in range(120)], now_ms=NOW_MS)
    form = {"action": "cancel", "all": "1", "state": "pending"}
    asked = admin.post("/bulk", form)
    check(asked)
    assert "Type 120 to go on" in asked.text
    sure = form | {"sure": "1", "count": "120"}

    wrong = admin.post("/bulk", sure | {"typed": "12"})
    check(wrong)

    assert "another number" in wrong.text
    assert len(jobs_of(store, states=("pending",))) == 120
    assert admin.post("/bulk", sure | {"typed": " 120 "}).status == 303
    assert jobs_of(store, states=("pending",)) == []


def test_a_hundred_jobs_need_no_number(admin, store):
    store.enqueue([new_job() for _ in range(100)], now_ms=NOW_MS)

    asked = admin.post("/bulk", {"action": "cancel", "all": "1", "state": "pending"})

    assert "to go on" not in asked.text


# --- settings ---


def test_a_setting_is_changed_and_given_back(admin, home):
    assert (
        admin.post("/settings", {"key": "max-retries", "value": "7", "action": "set"}).status == 303
    )
    page = admin.get("/settings")
    check(page)
    assert "max-retries is 7" in page.text
    assert json.loads(Path(home.config_path).read_text(encoding="utf-8"))["max_retries"] == 7
    assert admin.app.context.settings.max_retries == 7

    admin.post("/settings", {"key": "max-retries", "action": "unset"})

    assert admin.app.context.settings.max_retries == 3


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [("max-retries", "many", 400), ("db-path", "/tmp/x", 400), ("none", "1", 400)],
)
def test_a_setting_that_makes_no_sense_is_refused(admin, key, value, status):
    assert admin.post("/settings", {"key": key, "value": value}).status >= status


def test_only_administrators_change_settings(client):
    assert client("operate").post("/settings", {"key": "max-retries", "value": "7"}).status == 403
    assert "Make a token" not in client("read").get("/settings").text


# --- workers ---


@pytest.fixture
def worker(store):
    """A worker of this host that may be told to stop; return its process."""
    with subprocess.Popen(["sleep", "100"]) as process:
        here = new_worker(
            host=machine.host(), pid_space=machine.pid_space(), supervisor_pid=process.pid
        )
        store.register(here, now_ms=NOW_MS)
        yield process
        process.kill()


def test_a_worker_is_told_to_stop_after_a_question(admin, worker):
    assert "Stop" in admin.get("/workers").text
    asked = admin.post("/workers/1/stop")
    check(asked)
    assert asked.status == 200
    assert worker.poll() is None

    assert admin.post("/workers/1/stop", {"sure": "1"}).status == 303

    assert worker.wait(30) == -signal.SIGTERM


def test_there_is_no_worker_of_another_number(admin):
    assert admin.post("/workers/9/stop", {"sure": "1"}).status == 404


# --- exports ---


@pytest.fixture
def past(store):
    """Jobs that have run, one each minute; some before the last hour."""
    worker = store.register(new_worker(), now_ms=NOW_MS)
    for minute in (*range(70, 64, -1), 3, 2):
        at_ms = NOW_MS - minute * MINUTE_MS
        store.enqueue([new_job(queue="mail")], now_ms=at_ms)
        (claim,) = halves.claim(store, worker=worker, limit=1, now_ms=at_ms)
        halves.finish(store, [completed(claim, duration_ms=1_500)], now_ms=at_ms + 2_000)


def test_figures_are_exported_as_csv(admin, past):
    response = admin.get("/metrics.csv?range=1h")

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.header("Content-Type").startswith("text/csv")
    assert len(rows) == 60
    assert sum(int(row["completed"]) for row in rows) == 2
    assert {row["run_p95_ms"] for row in rows} == {"", "1500"}


def test_a_range_is_compared_with_the_time_before(admin, past):
    page = admin.get("/metrics-ui?compare=1")

    check(page)
    cells = re.search(r"<th scope=.row.>completed</th>(.*?)</tr>", page.text)[1]
    assert re.findall(r">([^<]+)</td>", cells) == ["2", "6", "-67 %"]


def test_events_are_exported(admin, past):
    lines = admin.get("/events.ndjson?kind=complete").text.splitlines()

    records = [json.loads(line) for line in lines]
    assert len(records) == 8
    assert {record["event"] for record in records} == {"completed"}
    assert [record["seq"] for record in records] == sorted(
        (record["seq"] for record in records), reverse=True
    )
    assert admin.get("/events.ndjson?job=none").text == ""
    assert len(admin.get("/events.ndjson?job=1").text.splitlines()) == 3
