from __future__ import annotations

import pytest

from queuectl_core.errors import NotFound
from queuectl_core.services import intake, jobs, listing
from queuectl_core.services.intake import Defaults
from tests import builders, halves
from tests.builders import NOW_MS, new_job

DEFAULTS = Defaults(max_retries=3, now_ms=NOW_MS)


def add(store, count=1, **fields):
    return store.enqueue([new_job(**fields)] * count, now_ms=NOW_MS)


def end(store, how):
    (claim,) = halves.claim(store, worker=1, limit=1, now_ms=NOW_MS)
    halves.finish(store, [how(claim)], now_ms=NOW_MS)


def test_find_all_gives_each_job_once_in_order(store):
    add(store, id="a")
    add(store, id="b")

    assert [job.name for job in jobs.find_all(store, ["2", "a", "b", "#1"])] == ["b", "a"]
    with pytest.raises(NotFound, match='there is no job "c"'):
        jobs.find_all(store, ["a", "c"])


@pytest.mark.parametrize(("limit", "count"), [(None, 1_001), (0, 0), (500, 500), (501, 501)])
def test_listing_pages_to_the_limit(store, limit, count):
    add(store, 1_001)

    pages = list(listing.pages(store, limit=limit))

    assert sum(map(len, pages)) == count
    assert all(len(page) <= listing.PAGE for page in pages)
    numbers = [job.number for page in pages for job in page]
    assert numbers == sorted(numbers, reverse=True)


def test_a_record_holds_input_and_queue_fields_only():
    record = jobs.record(builders.job(id="a", timeout_ms=1_500, duration_ms=2_000))

    assert set(record) <= {*intake.INPUT_FIELDS, *intake.QUEUE_FIELDS}
    assert set(intake.INPUT_FIELDS) <= set(record)
    assert (record["id"], record["number"]) == ("a", 1)
    assert (record["timeout"], record["duration"], record["cpu"]) == (1.5, 2, None)


def test_a_record_quotes_argv_for_reading():
    record = jobs.record(builders.job(command=None, argv=("echo", "a b", "$x")))

    assert record["command"] == "echo 'a b' '$x'"
    assert record["argv"] == ["echo", "a b", "$x"]


def test_a_record_of_a_job_reads_back_as_the_same_job():
    job = builders.job(
        id="a", priority=9, timeout_ms=1_500, backoff="exp:2", cwd="/srv", env={"A": "1"},
        on_crash="hold",
    )  # fmt: skip

    again = intake.new_job(jobs.record(job), DEFAULTS)

    for field in ("id", "queue", "priority", "run_at_ms", "max_retries", "command", "argv"):
        assert getattr(again, field) == getattr(job, field)
    assert (again.timeout_ms, again.backoff, again.cwd) == (1_500, "exp:2", "/srv")
    assert (again.env, again.on_crash) == ({"A": "1"}, "hold")
