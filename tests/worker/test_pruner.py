from __future__ import annotations

import fcntl
import os

import pytest

from queuectl_core import joblog
from queuectl_core.errors import StorageBusy, StorageFull
from queuectl_core.lifecycle import State
from queuectl_core.worker import outputs
from queuectl_core.worker import pruner as pruning
from queuectl_core.worker.pruner import DAY_MS, Pruner
from tests.builders import NOW_MS, jobs_of
from tests.conformance import steps
from tests.worker.fakes import SETTINGS

FOR_EVER = SETTINGS._replace(
    keep_finished_days=0, keep_finished_count=0, keep_output_days=0, keep_output_bytes=0
)
LOG_BYTES = 1_000


@pytest.fixture
def logs_dir(tmp_path):
    made = tmp_path / "logs"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def pruner(store, logs_dir, clock):
    return Pruner(store, str(logs_dir), clock)


@pytest.fixture
def write(logs_dir):
    """Write the log of an attempt, last touched some days ago: `write(1, 1, days=8)`."""

    def write(number, attempt=1, *, days=0.0, size_bytes=LOG_BYTES):
        path = joblog.log_path(str(logs_dir), number, attempt)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(b"x" * size_bytes)
        at_ns = int(NOW_MS - days * DAY_MS) * 1_000_000
        os.utime(path, ns=(at_ns, at_ns))

    return write


@pytest.fixture
def left(logs_dir):
    """Return the (job, attempt) of each log that is left: `left()`."""

    def left():
        names = [path.name for path in (logs_dir / "jobs").glob("*/*")]
        return sorted({outputs.parse_name(name) for name in names})

    return left


def finish(store, count=1):
    """Complete jobs; return their numbers."""
    return [steps.put(store, State.COMPLETED)[0] for _ in range(count)]


def round_of(pruner, settings):
    """Do a whole round; return how many slices it took."""
    slices = 1
    while pruner.work(settings):
        slices += 1
    return slices


# --- jobs ---


def test_old_finished_jobs_go_with_all_their_output(store, pruner, write, left, clock):
    (number,) = finish(store)
    write(number)
    clock.advance(31 * DAY_MS)

    round_of(pruner, FOR_EVER._replace(keep_finished_days=30))

    assert jobs_of(store) == []
    assert left() == []


def test_the_directory_of_forgotten_jobs_goes_too(store, pruner, write, logs_dir):
    numbers = finish(store, 2)
    for number in numbers:
        write(number)

    round_of(pruner, FOR_EVER._replace(keep_finished_count=1))
    assert len(list((logs_dir / "jobs").iterdir())) == 1
    finish(store)
    round_of(pruner, FOR_EVER._replace(keep_finished_count=1))

    assert list((logs_dir / "jobs").iterdir()) == []


def test_jobs_beyond_the_number_go(store, pruner):
    numbers = finish(store, 5)

    round_of(pruner, FOR_EVER._replace(keep_finished_count=2))

    assert [job.number for job in jobs_of(store)] == numbers[:2:-1]


@pytest.mark.parametrize("state", [State.DEAD, State.PENDING, State.FAILED, State.PROCESSING])
def test_other_jobs_stay_with_their_output(store, pruner, write, left, clock, state):
    number, _ = steps.put(store, state)
    write(number)
    clock.advance(1_000 * DAY_MS)

    round_of(pruner, FOR_EVER._replace(keep_finished_days=1, keep_finished_count=1))

    assert [job.number for job in jobs_of(store)] == [number]
    assert left() == [(number, 1)]


def test_the_defaults_keep_what_is_young(store, pruner, write, left, clock):
    numbers = finish(store, 3)
    for number in numbers:
        write(number)
    clock.advance(6 * DAY_MS)

    round_of(pruner, SETTINGS)

    assert len(jobs_of(store)) == len(left()) == 3


def test_zeros_keep_everything_for_ever(store, pruner, write, left, clock):
    (number,) = finish(store)
    write(number, days=10_000)
    clock.advance(10_000 * DAY_MS)

    round_of(pruner, FOR_EVER)

    assert len(jobs_of(store)) == len(left()) == 1


# --- output ---


def test_output_goes_before_its_job(store, pruner, write, left):
    old, young = finish(store, 2)
    write(old, days=7.1)
    write(young, days=6.9)

    round_of(pruner, SETTINGS)

    assert left() == [(young, 1)]
    assert len(jobs_of(store)) == 2


def test_old_output_of_dead_jobs_goes(store, pruner, write, left):
    number, _ = steps.put(store, State.DEAD)
    write(number, days=8)

    round_of(pruner, SETTINGS)

    assert left() == []
    assert store.job_by_number(number)


def test_output_of_jobs_that_nobody_knows_goes_by_age(pruner, write, left):
    write(4711, days=8)
    write(4712, days=1)

    round_of(pruner, SETTINGS)

    assert left() == [(4712, 1)]


def test_output_of_a_running_job_stays(store, pruner, write, left):
    number, _ = steps.put(store, State.PROCESSING)
    write(number, days=8)

    round_of(pruner, SETTINGS._replace(keep_output_bytes=1))

    assert left() == [(number, 1)]


def test_the_oldest_output_goes_first_until_the_rest_fits(store, pruner, write, left):
    for number, days in [(1, 1), (1_000, 4), (2, 3), (1_001, 2), (2_000, 5)]:
        write(number, days=days)

    round_of(pruner, FOR_EVER._replace(keep_output_bytes=2 * LOG_BYTES))

    assert left() == [(1, 1), (1_001, 1)]


def test_output_that_fits_exactly_stays(pruner, write, left):
    write(1)
    write(2)

    round_of(pruner, FOR_EVER._replace(keep_output_bytes=2 * LOG_BYTES))

    assert len(left()) == 2


def test_all_files_of_a_log_count_and_go(logs_dir, pruner, write, left):
    write(1, days=2)
    head = logs_dir / "jobs" / "0" / "1.1.log"
    (head.parent / "1.1.log.1").write_bytes(b"x" * LOG_BYTES)
    os.utime(head.parent / "1.1.log.1", ns=(0, (NOW_MS - 2 * DAY_MS) * 1_000_000))
    write(2, days=1)

    round_of(pruner, FOR_EVER._replace(keep_output_bytes=2 * LOG_BYTES))

    assert left() == [(2, 1)]
    assert len(list(head.parent.iterdir())) == 1


@pytest.mark.parametrize("young", [".log", ".log.1", ".log.2"])
def test_a_log_is_as_old_as_the_youngest_of_its_files(logs_dir, pruner, write, left, young):
    write(1, days=9)
    for tail in ("1.1.log.1", "1.1.log.2"):
        path = logs_dir / "jobs" / "0" / tail
        path.touch()
        os.utime(path, (0, 0))
    os.utime(logs_dir / "jobs" / "0" / f"1.1{young}", ns=(0, NOW_MS * 1_000_000))

    round_of(pruner, SETTINGS)

    assert left() == [(1, 1)]


def test_a_log_that_is_still_written_counts_with_its_new_size(logs_dir, pruner, write, left):
    write(1)
    write(2)
    settings = FOR_EVER._replace(keep_output_bytes=3 * LOG_BYTES)
    round_of(pruner, settings)

    with open(logs_dir / "jobs" / "0" / "2.1.log", "ab") as file:
        file.write(b"x" * 2 * LOG_BYTES)
    round_of(pruner, settings)

    assert left() == [(2, 1)]


def test_a_folder_that_did_not_change_is_not_read_again(pruner, write, monkeypatch):
    for number, days in [(1, 3), (1_000, 2), (2_000, 1)]:
        write(number, days=days)
    read = []
    look = outputs._logs
    monkeypatch.setattr(outputs, "_logs", lambda path: read.append(path) or look(path))
    round_of(pruner, SETTINGS)
    read.clear()

    write(1_001, days=1)
    round_of(pruner, SETTINGS)

    # the one that changed, and the one with the oldest log, to see how old it really is
    assert {os.path.basename(path) for path in read} == {"0", "1"}


def test_strange_files_are_left_alone(logs_dir, pruner, write):
    write(1, days=8)
    strange = [logs_dir / "jobs" / "0" / name for name in ("notes.txt", "1.log", "1.1.log.old")]
    for path in strange:
        path.write_text("mine")
        os.utime(path, (0, 0))

    round_of(pruner, SETTINGS._replace(keep_output_bytes=1))

    assert sorted((logs_dir / "jobs" / "0").iterdir()) == sorted(strange)


def test_what_can_not_be_removed_is_passed_over_with_a_warning(
    logs_dir, pruner, write, left, caplog
):
    write(1, days=9)
    write(1_000, days=8)
    head = logs_dir / "jobs" / "0" / "1.1.log"
    obstacle = head.parent / "1.1.log.2"
    obstacle.mkdir()  # unlink(2) refuses a directory, whoever asks
    os.utime(obstacle, (0, 0))

    round_of(pruner, SETTINGS)

    assert left() == [(1, 1)]
    assert caplog.text.count("can't be removed") == 1
    assert "1.1.log.2" in caplog.text


# --- slices ---


class SlowStore:
    """A store whose every call takes some time."""

    def __init__(self, store, clock, span_ms):
        self._store = store
        self._clock = clock
        self._span_ms = span_ms

    def __getattr__(self, name):
        self._clock.advance(self._span_ms)
        return getattr(self._store, name)


def test_a_slice_ends_when_its_time_is_over(store, logs_dir, clock, monkeypatch):
    monkeypatch.setattr(pruning, "CHUNK", 3)
    finish(store, 10)
    slow = Pruner(SlowStore(store, clock, pruning.SLICE_MS), str(logs_dir), clock)

    assert slow.work(FOR_EVER._replace(keep_finished_count=1))
    assert len(jobs_of(store)) == 9
    round_of(slow, FOR_EVER._replace(keep_finished_count=1))
    assert len(jobs_of(store)) == 1


def test_output_goes_in_slices_too(store, logs_dir, clock, write, left):
    for number in range(1, 5):
        write(number, days=8)
    slow = Pruner(SlowStore(store, clock, pruning.SLICE_MS), str(logs_dir), clock)

    slices = round_of(slow, SETTINGS)

    assert slices >= 4
    assert left() == []


def test_nothing_is_done_while_another_worker_prunes(store, logs_dir, clock, pruner, write, left):
    write(1, days=8)
    hold = os.open(logs_dir / "pruner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(hold, fcntl.LOCK_EX)

    assert pruner.work(SETTINGS) is False
    assert left() == [(1, 1)]

    os.close(hold)
    round_of(pruner, SETTINGS)
    assert left() == []


def test_the_place_is_held_from_slice_to_slice(store, logs_dir, clock, write, left):
    for number in range(1, 5):
        write(number, days=8)
    slow = Pruner(SlowStore(store, clock, pruning.SLICE_MS), str(logs_dir), clock)
    assert slow.work(SETTINGS)
    before = left()

    assert Pruner(store, str(logs_dir), clock).work(SETTINGS) is False
    assert left() == before
    round_of(slow, SETTINGS)


class FullStore:
    """A store on a full disk: it can be read."""

    def job_by_number(self, _):
        return None

    def prune(self, **_):
        raise StorageFull


class BusyStore:
    """A store that is too busy to prune."""

    def prune(self, **_):
        raise StorageBusy


def test_a_busy_store_ends_the_round_and_lets_the_next_one_begin(store, logs_dir, clock, pruner):
    numbers = finish(store, 2)
    settings = FOR_EVER._replace(keep_finished_count=1)
    pruner._store = BusyStore()
    with pytest.raises(StorageBusy):
        pruner.work(settings)

    pruner._store = store
    round_of(pruner, settings)

    assert [job.number for job in jobs_of(store)] == numbers[1:]


def test_output_is_removed_though_the_store_can_not_write(pruner, write, left):
    write(1, days=8)
    pruner._store = FullStore()

    with pytest.raises(StorageFull):
        pruner.work(SETTINGS)

    assert left() == []


def test_a_home_without_logs_is_pruned(store, tmp_path, clock):
    finish(store, 2)

    round_of(Pruner(store, str(tmp_path / "none"), clock), SETTINGS._replace(keep_finished_count=1))

    assert len(jobs_of(store)) == 1


# --- names ---


@pytest.mark.parametrize("tail", ["", ".1", ".2"])
def test_the_name_of_a_log_tells_job_and_attempt(tail):
    name = os.path.basename(joblog.log_path("/logs", 4711, 3)) + tail

    assert outputs.parse_name(name) == (4711, 3)


@pytest.mark.parametrize(
    "name", ["", "notes", "1.log", "1.1", "1.1.log.3", "1.1.log.1.old", "a.1.log", "1.-1.log", ".."]
)
def test_another_name_is_no_log(name):
    assert outputs.parse_name(name) is None


def test_a_number_that_no_queue_could_have_is_cut():
    assert outputs.parse_name(f"{10**40}.1.log") == (2**63 - 1, 1)


# --- a real worker ---


def test_a_worker_prunes_when_it_starts(bench):
    numbers = [bench.enqueue("echo hello") for _ in range(3)]
    bench.start(threads=1, drain=True).exit_code()  # one after the other
    log = bench.file(f"logs/jobs/0/{numbers[0]}.1.log")

    bench.configure(keep_finished_count=1)
    bench.start(drain=True).exit_code()  # nothing else to do: it stops with its first turn

    assert [job.number for job in jobs_of(bench.store)] == numbers[2:]
    assert not log.exists()
