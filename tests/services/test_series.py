"""The past of a queue in steps, its events, the end of an output, sweeps, what needs an eye."""

from __future__ import annotations

import os

import pytest

from queuectl_core.joblog import STDERR, STDOUT, JobLogWriter, log_path
from queuectl_core.lifecycle import State
from queuectl_core.selection import Selection
from queuectl_core.services import attention, changes, series, sweeps, tails
from queuectl_core.services.overview import Watcher
from queuectl_core.services.sweeps import Sweep
from queuectl_core.storage.sqlite import series as sqlite_series
from tests.builders import NOW_MS, buried, completed, jobs_of, new_job, new_worker, retried

MINUTE_MS = 60_000


@pytest.fixture
def worker(store):
    return store.register(new_worker(), now_ms=NOW_MS)


def run_one(store, worker, *, at_ms: int, make=completed, **outcome):
    """Let the next job start at a moment and end after `duration_ms`."""
    _, (claim,) = store.finish_and_claim([], worker=worker, limit=1, now_ms=at_ms)
    outcome = {"duration_ms": 1_000} | outcome
    result = make(claim, **outcome)
    end_ms = at_ms + outcome["duration_ms"]
    store.finish_and_claim([result], worker=worker, limit=0, now_ms=end_ms)
    return claim.job.number


def test_the_past_has_every_step_up_to_now(store):
    past = series.past(store, range_name="1h", now_ms=NOW_MS)

    assert len(past.at_ms) == 60
    assert past.at_ms[-1] <= NOW_MS < past.at_ms[-1] + past.step_ms
    assert past.counts["completed"] == [0] * 60
    assert not past.sampled


@pytest.mark.parametrize("name", series.RANGES)
def test_what_happened_stands_in_its_step_whatever_the_range(store, worker, name):
    store.enqueue([new_job(), new_job(max_retries=1)], now_ms=NOW_MS)
    run_one(store, worker, at_ms=NOW_MS)
    run_one(store, worker, at_ms=NOW_MS, make=buried)

    past = series.past(store, range_name=name, now_ms=NOW_MS + 1_000)

    assert (past.counts["completed"][-1], past.counts["dead"][-1]) == (1, 1)
    assert sum(past.counts["enqueued"]) == 2


def test_the_depth_of_the_past_is_reckoned_back_from_now(store, worker):
    store.enqueue([new_job(), new_job(), new_job()], now_ms=NOW_MS)
    run_one(store, worker, at_ms=NOW_MS + MINUTE_MS)
    run_one(store, worker, at_ms=NOW_MS + 2 * MINUTE_MS)

    past = series.past(store, range_name="1h", now_ms=NOW_MS + 3 * MINUTE_MS)

    assert past.depths["default"][-5:] == [0, 3, 2, 1, 1]


def test_waits_and_spans_are_of_the_last_run_of_each_job(store, worker):
    store.enqueue([new_job()], now_ms=NOW_MS)
    run_one(store, worker, at_ms=NOW_MS + 4_000, duration_ms=2_500)

    past = series.past(store, range_name="1h", now_ms=NOW_MS + 7_000)

    assert (past.waits[-1], past.spans[-1]) == ([4_000], [2_500])


def test_a_run_of_a_job_that_moved_on_is_left_out_and_that_is_told(store, worker):
    store.enqueue([new_job()], now_ms=NOW_MS)
    number = run_one(store, worker, at_ms=NOW_MS)
    store.revive([number], now_ms=NOW_MS + 2_000)

    assert series.past(store, range_name="1h", now_ms=NOW_MS + 2_000).sampled
    assert store.insight().runs(since_ms=0, limit=10) == []


def test_of_very_many_runs_some_of_the_whole_range_are_taken(store, worker, monkeypatch):
    monkeypatch.setattr(sqlite_series, "RUNS_REACH", 50)
    store.enqueue([new_job() for _ in range(60)], now_ms=NOW_MS)
    for place in range(60):
        run_one(store, worker, at_ms=NOW_MS + place * MINUTE_MS)

    taken = store.insight().runs(since_ms=NOW_MS, limit=90)
    late = store.insight().runs(since_ms=NOW_MS + 50 * MINUTE_MS, limit=90)

    assert 10 < len(taken) <= 60
    assert len({run.job for run in taken}) == len(taken)
    minutes = sorted((run.at_ms - NOW_MS) // MINUTE_MS for run in taken)
    assert minutes[0] < 15
    assert minutes[-1] > 45
    assert sorted(run.job for run in late) == list(range(51, 61))


@pytest.mark.parametrize(
    ("share", "value"), [(50, 5), (95, 10), (99, 10), (1, 1), (10, 1), (11, 2)]
)
def test_a_percentile_is_a_value_that_was_there(share, value):
    assert series.percentile(list(range(1, 11)), share) == value


def test_no_values_have_no_percentile():
    assert series.percentile([], 50) is None


# --- events ---


def test_events_come_in_pages_without_doubles(store):
    store.enqueue([new_job() for _ in range(25)], now_ms=NOW_MS)
    seen, below = [], None
    while True:
        page = store.insight().history(below=below, limit=10)
        seen += [event.job for event in page.events]
        below = page.below
        if below is None:
            break

    assert seen == list(range(25, 0, -1))


def test_events_of_a_kind_and_of_a_job(store, worker):
    store.enqueue([new_job(id="a"), new_job()], now_ms=NOW_MS)
    number = run_one(store, worker, at_ms=NOW_MS)
    insight = store.insight()

    kinds = insight.history(below=None, limit=10, events=("complete", "claim"))
    of_job = insight.history(below=None, limit=10, job=number)

    assert [event.event for event in kinds.events] == ["complete", "claim"]
    assert [event.event for event in of_job.events] == ["complete", "claim", "enqueue"]
    assert of_job.events[0].name == "a"
    assert of_job.below is None


# --- the end of an output ---


@pytest.fixture
def write(tmp_path):
    """Write what job 7 says in its first start."""
    os.makedirs(tmp_path / "logs")
    logs_dir = str(tmp_path / "logs")
    writer = JobLogWriter(log_path(logs_dir, 7, 1), head_bytes=1 << 20, tail_bytes=1 << 20)

    def write(data: bytes, stream: str = STDOUT):
        writer.write(stream, data, NOW_MS)
        return logs_dir

    yield write
    writer.close()


def test_a_tail_puts_parts_of_a_line_together_and_tells_streams_apart(write):
    write(b"one\ntw")
    write(b"o\n")
    logs_dir = write(b"bad\n", STDERR)

    tail = tails.tail(logs_dir, 7, 1)

    assert tail.lines == [("o", "one"), ("o", "two"), ("e", "bad")]
    assert (tail.next_offset, tail.unfinished, tail.there) == (12, False, True)


def test_a_tail_goes_on_where_the_one_before_ended(write):
    logs_dir = write(b"one\ntw")
    first = tails.tail(logs_dir, 7, 1)
    write(b"o\nthree\n")

    second = tails.tail(logs_dir, 7, 1, offset=first.next_offset)

    assert first.unfinished
    assert second.lines == [("o", "o"), ("o", "three")]


def test_a_long_output_shows_its_end_and_counts_the_rest(write):
    for number in range(6_000):
        logs_dir = write(b"line %d\n" % number)

    tail = tails.tail(logs_dir, 7, 1)

    assert len(tail.lines) == tails.MOST_LINES
    assert tail.lines[-1] == ("o", "line 5999")
    assert tail.skipped_bytes > 0


def test_there_is_no_output_of_what_never_wrote(tmp_path):
    tail = tails.tail(str(tmp_path), 7, 1)

    assert (tail.lines, tail.there, tail.next_offset) == ([], False, 0)


# --- sweeps ---


def all_jobs(fits=lambda _job: True) -> Sweep:
    return Sweep(Selection(states=(State.PENDING,)), fits, 2**63 - 1)


def test_a_look_ends_when_it_has_enough_and_goes_on_below(store, clock):
    store.enqueue([new_job() for _ in range(10)], now_ms=NOW_MS)
    even = all_jobs(lambda job: job.number % 2 == 0)

    first = sweeps.look(store, even, limit=3, clock=clock)
    second = sweeps.look(store, even._replace(below=first.below), limit=3, clock=clock)

    assert [job.number for job in first.jobs] == [10, 8, 6]
    assert [job.number for job in second.jobs] == [4, 2]
    assert second.below is None


def test_a_look_that_finds_nothing_ends_in_time_and_tells_how_far_it_came(store, clock):
    store.enqueue([new_job() for _ in range(10)], now_ms=NOW_MS)

    def never(_job):
        clock.advance(100)
        return False

    found = sweeps.look(store, all_jobs(never), limit=2, clock=clock)

    assert found.jobs == []
    assert found.below is not None


def test_a_sweep_that_takes_long_stops_and_says_where_to_go_on(store, clock):
    store.enqueue([new_job() for _ in range(1_200)], now_ms=NOW_MS)

    def act(jobs):
        clock.advance(sweeps.STRETCH_MS)
        return changes.cancel(store, jobs, now_ms=NOW_MS)

    first = sweeps.run(store, all_jobs(), changes.CANCEL, act, clock=clock)
    rest = all_jobs()._replace(below=first.below)
    second = sweeps.run(store, rest, changes.CANCEL, act, clock=clock)

    assert (first.changed, second.changed) == (500, 500)
    assert len(jobs_of(store, states=(State.PENDING,))) == 200


def test_a_count_is_exact_with_and_without_tests(store, clock):
    store.enqueue([new_job(priority=number % 10 + 1) for number in range(700)], now_ms=NOW_MS)
    urgent = all_jobs(lambda job: job.priority == 10)

    plain = sweeps.tally(store, all_jobs(), changes.CANCEL, clock=clock, tested=False)
    tested = sweeps.tally(store, urgent, changes.CANCEL, clock=clock, tested=True)

    assert (plain, tested) == ((700, True), (70, True))


# --- attention ---


def concerns(store, clock) -> list[str]:
    seen = Watcher(clock).look(store)
    return [one.text for one in attention.concerns(store, seen, db_path="/")]


def test_a_queue_that_is_well_needs_nobody(store, clock):
    assert [text for text in concerns(store, clock) if "disk" not in text] == []


def test_what_needs_attention_is_said_the_gravest_first(store, clock, worker):
    store.enqueue([new_job(max_retries=1), new_job(queue="mail")], now_ms=NOW_MS)
    run_one(store, worker, at_ms=NOW_MS, make=buried)
    store.enqueue([new_job()], now_ms=NOW_MS)
    store.pause("mail", by="ada", reason=None, now_ms=NOW_MS)
    store.retire(worker)
    clock.advance(600_000)

    texts = [text for text in concerns(store, clock) if "disk" not in text]

    assert texts == [
        "No worker runs, and jobs wait",
        'Queue "mail" is paused with 1 job waiting, since 10m, by ada',
        'The oldest due job of queue "default" waits for 10m',
        "1 job died in the last hour",
    ]


def test_a_retry_that_waits_is_no_concern(store, clock, worker):
    store.enqueue([new_job()], now_ms=NOW_MS)
    run_one(
        store, worker, at_ms=NOW_MS,
        make=lambda claim, **outcome: retried(claim, run_at_ms=NOW_MS + 60_000, **outcome),
    )  # fmt: skip

    assert [text for text in concerns(store, clock) if "disk" not in text] == []
