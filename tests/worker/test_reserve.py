from __future__ import annotations

import errno
import os
import stat
from types import SimpleNamespace

import pytest

from queuectl_core.errors import StorageFull
from queuectl_core.home import Home
from queuectl_core.joblog import STDOUT, read_chunks
from queuectl_core.lifecycle import State
from queuectl_core.worker import pool
from queuectl_core.worker import reserve as module
from queuectl_core.worker.plan import Plan
from queuectl_core.worker.reserve import SLICE_BYTES, WHOLE_BYTES, Reserve, path_beside
from queuectl_core.worker.worker import STORAGE_PAUSE_MS, Worker
from tests import halves
from tests.builders import NOW_MS, completed, new_job, success
from tests.worker.fakes import SETTINGS, FakeExecutor, FaultyStore, Shop
from tests.worker.harness import until

MANY_SLICES = WHOLE_BYTES // SLICE_BYTES


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "queue.db.reserve")


@pytest.fixture
def reserve(path):
    made = Reserve(path)
    made.create()
    return made


@pytest.fixture
def room(monkeypatch):
    """Set how many bytes the disk says are free: `room(0)`."""

    def room(free_bytes):
        disk = SimpleNamespace(f_bavail=free_bytes, f_frsize=1)
        monkeypatch.setattr(module.os, "statvfs", lambda _: disk)

    return room


def refuse(*_):
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


# --- the file ---


def test_the_reserve_lies_beside_the_queue_and_really_takes_its_room(reserve, path):
    details = os.stat(path)

    assert path_beside(path.removesuffix(".reserve")) == path
    assert details.st_size == WHOLE_BYTES
    assert details.st_blocks * 512 >= WHOLE_BYTES
    assert stat.S_IMODE(details.st_mode) == 0o600


def test_a_second_worker_shares_the_reserve(reserve, path, caplog):
    Reserve(path).create()

    assert os.path.getsize(path) == WHOLE_BYTES
    assert caplog.text == ""


def test_a_reserve_that_was_cut_off_is_made_whole(path):
    with open(path, "wb") as file:
        file.write(b"x" * 1_000)

    Reserve(path).create()

    assert os.path.getsize(path) == WHOLE_BYTES


def test_a_planted_link_is_not_followed(path, tmp_path, caplog):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, path)
    reserve = Reserve(path)

    reserve.create()

    assert "no reserve" in caplog.text
    assert not reserve.spend()
    assert victim.read_text() == "precious"


def test_a_disk_without_room_is_told_of_and_left_as_it_is(path, room, caplog):
    room(WHOLE_BYTES + SLICE_BYTES - 1)

    Reserve(path).create()

    assert "no reserve of 4096 KiB for results on a full disk: No space left" in caplog.text
    assert not os.path.exists(path)


def test_a_disk_that_refuses_the_rest_keeps_what_it_had(reserve, path, monkeypatch):
    def take_a_part(fd, offset, _length):
        os.truncate(fd, offset + 1)
        refuse()

    reserve.spend()
    monkeypatch.setattr(module.os, "posix_fallocate", take_a_part)
    reserve.declare_full()

    assert not reserve.refill()

    assert os.path.getsize(path) == WHOLE_BYTES - SLICE_BYTES
    assert reserve.disk_is_full


def test_a_disk_that_does_not_tell_its_room_has_none(path, monkeypatch):
    monkeypatch.setattr(module.os, "statvfs", refuse)

    Reserve(path).create()

    assert not os.path.exists(path)


# --- it gives way, and comes back ---


def test_the_reserve_gives_way_slice_by_slice(reserve, path):
    sizes = []
    while reserve.spend():
        sizes.append(os.path.getsize(path) if os.path.exists(path) else 0)

    assert sizes == [WHOLE_BYTES - SLICE_BYTES * (n + 1) for n in range(MANY_SLICES)]
    assert not os.path.exists(path)


def test_a_full_disk_is_told_once(reserve, caplog):
    reserve.declare_full()
    reserve.declare_full()

    assert len(caplog.records) == 1
    assert "the disk is full: no job starts until there is room" in caplog.text


def test_the_reserve_comes_back_when_there_is_room_and_jobs_may_start(reserve, path, room, caplog):
    caplog.set_level("INFO")
    reserve.declare_full()
    reserve.spend()

    room(2 * SLICE_BYTES - 1)
    early = reserve.refill(), reserve.disk_is_full
    room(2 * SLICE_BYTES)
    late = reserve.refill(), reserve.disk_is_full

    assert (early, late) == ((False, True), (True, False))
    assert os.path.getsize(path) == WHOLE_BYTES
    assert [record.message for record in caplog.records][1:] == [
        "the disk has room again: jobs start"
    ]


def test_a_whole_reserve_does_not_mean_that_there_is_room(reserve, room):
    reserve.declare_full()
    room(SLICE_BYTES - 1)

    assert not reserve.refill()
    assert reserve.disk_is_full


def test_a_reserve_that_is_missing_is_made_when_there_is_room(path, room):
    reserve = Reserve(path)
    room(0)
    reserve.create()
    room(2 * WHOLE_BYTES)

    assert not reserve.refill()  # no job had to wait for it

    assert os.path.getsize(path) == WHOLE_BYTES


def test_where_no_reserve_ever_fits_some_room_is_enough(path, room):
    reserve = Reserve(path)
    room(SLICE_BYTES)
    reserve.create()
    reserve.declare_full()

    assert reserve.refill()
    assert not reserve.disk_is_full


# --- results go first ---


@pytest.fixture
def shop(tmp_path, clock):
    made = Shop(tmp_path, clock, FakeExecutor())
    made.reserve.create()
    yield made
    made.store.close()


def enqueue(shop, count=1):
    added = shop.store.enqueue([new_job() for _ in range(count)], now_ms=NOW_MS)
    return [one.number for one in added]


def running(shop):
    """Return a claim of the worker."""
    enqueue(shop)
    (claim,) = halves.claim(shop.store, worker=shop.worker, limit=1, now_ms=NOW_MS)
    return claim


def size(shop):
    return os.path.getsize(shop.crew.reserve._path)


def state(shop, number):
    return shop.store.job_by_number(number).state


def test_a_result_is_recorded_from_the_reserve_and_nothing_is_claimed(shop):
    claim = running(shop)
    (waiting,) = enqueue(shop)
    store = FaultyStore(shop.store, [StorageFull(), StorageFull()])

    answer = shop.crew.turnstile.swap(store, [completed(claim)], wants=True)

    assert answer == ([True], None)
    assert state(shop, claim.job.number) is State.COMPLETED
    assert state(shop, waiting) is State.PENDING
    assert size(shop) == WHOLE_BYTES - SLICE_BYTES


def test_a_result_takes_as_many_slices_as_it_needs(shop):
    claim = running(shop)
    store = FaultyStore(shop.store, [StorageFull()] * 4)

    assert shop.crew.turnstile.swap(store, [completed(claim)], wants=False) == ([True], None)

    assert size(shop) == WHOLE_BYTES - 4 * SLICE_BYTES


def test_a_claim_alone_spends_nothing(shop):
    enqueue(shop)
    store = FaultyStore(shop.store, [StorageFull()])

    assert shop.crew.turnstile.swap(store, [], wants=True) == ([], None)

    assert shop.reserve.disk_is_full
    assert size(shop) == WHOLE_BYTES


def test_claims_wait_until_there_is_room(shop, room):
    (number,) = enqueue(shop)
    shop.reserve.declare_full()
    before = shop.crew.turnstile.swap(shop.store, [], wants=True)
    room(2 * WHOLE_BYTES)

    assert shop.reserve.refill()
    _, claim = shop.crew.turnstile.swap(shop.store, [], wants=True)

    assert before == ([], None)
    assert claim.job.number == number


def test_a_result_that_no_reserve_helps_is_kept_and_recorded_later(shop):
    claim = running(shop)
    store = FaultyStore(shop.store, [StorageFull()] * (MANY_SLICES + 2))

    with pytest.raises(StorageFull):
        shop.crew.turnstile.swap(store, [completed(claim)], wants=False)

    assert state(shop, claim.job.number) is State.PROCESSING
    store._errors.clear()
    assert shop.crew.turnstile.swap(store, [completed(claim)], wants=False) == ([True], None)


# --- a queue file that really takes no more ---


def limit_pages(store, pages):
    store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()


def fill_up(store):
    """Let the queue file take no page more, and leave none of them free."""
    limit_pages(store, store._connection.execute("PRAGMA page_count").get)
    while fits(store):
        pass


def fits(store):
    try:
        store.enqueue([new_job("echo " + "x" * 1_500)], now_ms=NOW_MS)
    except StorageFull:
        return False
    return True


def test_a_worker_on_a_full_queue_file_records_its_result_later_and_goes_on(shop, monkeypatch):
    job, waiting = enqueue(shop, 2)
    store = shop.crew.open_store()
    shop.crew.open_store = lambda: store

    def execute(*_):
        fill_up(store)
        return success(error="x" * 4_000)  # a page of its own

    shop.crew.execute = execute
    pause = shop.clock.pause

    def make_room(span_ms):
        limit_pages(store, 1_000_000)
        shop.crew.stopping.set()
        shop.crew.room.ring()
        pause(span_ms)

    monkeypatch.setattr(shop.clock, "pause", make_room)
    worker = Worker(shop.crew, 1)

    worker.run()

    worker.stopper.close()
    assert shop.clock.waits_ms == [STORAGE_PAUSE_MS]
    assert (state(shop, job), state(shop, waiting)) == (State.COMPLETED, State.PENDING)
    assert shop.reserve.disk_is_full
    assert not os.path.exists(shop.crew.reserve._path)


def test_output_is_dropped_while_the_disk_is_full_and_told_of(shop, caplog):
    (number,) = enqueue(shop)
    os.mkdir(shop.crew.logs_dir)

    def execute(_command, output, *_):
        output.write(STDOUT, b"before\n", NOW_MS)
        shop.reserve.declare_full()
        output.write(STDOUT, b"lost\n", NOW_MS + 1_000)
        shop.reserve.disk_is_full = False
        output.write(STDOUT, b"after\n", NOW_MS + 2_000)
        shop.crew.stopping.set()
        return success(output_bytes=output.total_bytes)

    shop.crew.execute = execute
    worker = Worker(shop.crew, 1)

    worker.run()

    worker.stopper.close()
    log = f"{shop.crew.logs_dir}/jobs/0/{number}.1.log"
    kept = b"".join(chunk.data for chunk in read_chunks(log))
    assert kept == b"before\n[... 5 bytes dropped ...]\nafter\n"
    assert state(shop, number) is State.COMPLETED
    assert f"job {number} attempt 1: output was dropped: No space left" in caplog.text


# --- a worker of its own ---


def test_a_worker_that_finds_no_room_for_the_reserve_says_so_and_works(
    tmp_path, clock, room, monkeypatch, caplog
):
    tmp_path.chmod(0o700)
    monkeypatch.setattr(pool.worklog, "write_to", lambda _: None)
    room(0)
    ear, mouth = os.pipe2(os.O_CLOEXEC)
    plan = Plan(Home(str(tmp_path)), str(tmp_path / "queue.db"), SETTINGS, 1, None, False, {})

    made = pool.Pool(plan, control=ear, clock=clock)

    made._bell.close()
    made._store.close()
    os.close(ear)
    os.close(mouth)
    assert "no reserve" in caplog.text
    assert not made._reserve.disk_is_full


def test_a_worker_makes_the_reserve_when_it_starts_and_leaves_it(bench):
    worker = bench.start(drain=True)

    assert worker.exit_code() == 0

    assert os.path.getsize(bench.path / "queue.db.reserve") == WHOLE_BYTES


def test_a_reserve_that_is_gone_comes_back_while_the_worker_runs(bench):
    reserve = bench.path / "queue.db.reserve"
    bench.start()
    bench.file(reserve.name)
    reserve.unlink()

    until(lambda: reserve.exists() and reserve.stat().st_size == WHOLE_BYTES)
