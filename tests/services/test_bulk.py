from __future__ import annotations

import io
import os
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.errors import BadData, NotFound, StorageFull
from queuectl_core.services import bulk
from queuectl_core.services.bulk import Plan
from queuectl_core.services.intake import Defaults
from queuectl_core.services.lines import Reader
from tests.builders import NOW_MS, jobs_of
from tests.clocks import ManualClock


def plan(clock=None, **overrides):
    return Plan(clock or ManualClock(), overrides, Defaults(max_retries=3, now_ms=NOW_MS))


class Drip(io.BytesIO):
    """Gives what it holds in pieces of the sizes told, as a pipe does."""

    def __init__(self, data, sizes):
        super().__init__(data)
        self._sizes = iter(sizes)

    def read1(self, _=-1):
        return super().read1(next(self._sizes, 1 << 20))


@contextmanager
def piped():
    """Give both ends of a pipe: what is written and nothing else is there to be read."""
    reading, writing = os.pipe()
    with open(reading, "rb") as file, open(writing, "wb", buffering=0) as pipe:
        yield file, pipe


@given(st.lists(st.text("ab é", min_size=1)), st.lists(st.integers(1, 9)))
def test_lines_are_whole_however_they_come(texts, sizes):
    data = "\n".join(texts).encode()
    expected = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]

    seen = []
    for lot in bulk.Stream(Drip(data, sizes)).lots():
        seen += [(number, line.decode()) for number, line in lot.numbered() if line.strip()]

    assert seen == expected


@pytest.mark.parametrize("count", [1, 2, 8_000])
def test_what_a_slow_writer_gave_is_added_before_it_gives_more(store, count):
    with piped() as (file, pipe):
        batches = bulk.enqueue(store, file, plan())
        pipe.write(b"true\n" * count)

        assert next(batches).good == count
        assert store.job_by_number(count).command == "true"
        pipe.write(b"last\n")
        assert next(batches).good == 1


def test_each_batch_has_the_time_of_its_own(store):
    clock = ManualClock()
    with piped() as (file, pipe):
        batches = bulk.enqueue(store, file, plan(clock))
        pipe.write(b"a\n")
        next(batches)
        clock.advance(5_000)
        pipe.write(b"b\n")
        next(batches)

    newest, oldest = jobs_of(store)
    assert newest.created_at_ms - oldest.created_at_ms == 5_000


def test_a_transaction_holds_a_chunk_at_most(store):
    data = b"true\n" * (2 * bulk.CHUNK_JOBS + 1)

    sizes = [batch.good for batch in bulk.enqueue(store, io.BytesIO(data), plan())]

    assert sizes == [bulk.CHUNK_JOBS, bulk.CHUNK_JOBS, 1]


def test_overrides_beat_what_lines_say(store):
    list(bulk.enqueue(store, io.BytesIO(b'{"command":"a","queue":"x"}\n'), plan(queue="y")))

    assert jobs_of(store)[0].queue == "y"


def test_conflicts_are_found_among_thousands(store):
    lines = [b'{"id":"j%d","command":"x"}' % (number % 4_000) for number in range(4_002)]

    (batch,) = bulk.enqueue(store, io.BytesIO(b"\n".join(lines)), plan())

    assert batch.good == 4_000
    assert [bad.line for bad in batch.bad] == [4_001, 4_002]


def test_a_full_disk_is_not_taken_for_a_bad_line(store):
    class Full:
        def prepare(self, *_, **__):
            return self.enqueue

        def enqueue(self, *_, **__):
            raise StorageFull

    with pytest.raises(StorageFull):
        list(bulk.enqueue(Full(), io.BytesIO(b"a\n"), plan()))


def test_what_fails_beside_the_writing_is_raised_where_it_is_wanted():
    class Broken:
        def prepare(self, *_, **__):
            raise StorageFull

    with pytest.raises(StorageFull):
        list(bulk.enqueue(Broken(), io.BytesIO(b"a\n"), plan()))


@pytest.mark.parametrize(
    "form",
    [
        b'{"command":"true"}',
        b'{"command":"echo %d"}',
        b'{"command":"echo %d","priority":%d}',
        b'{"command":"echo %d http://a:b","priority":%d}',
        b'{"command":"echo ${A} %d","priority":%d}',
        b"echo %d",
    ],
)
def test_each_line_is_a_row_in_the_order_of_the_lines(store, form):
    holes = form.count(b"%d")
    lines = [form % (n, n % 10 + 1)[:holes] if holes else form for n in range(12_000)]

    batches = list(bulk.enqueue(store, io.BytesIO(b"\n".join(lines)), plan()))

    reader = Reader({}, Defaults(max_retries=3, now_ms=NOW_MS))
    wanted = [reader.job(line) for line in lines]
    found = list(reversed(jobs_of(store)))
    assert [(job.command, job.priority) for job in found] == [
        (job.command, job.priority) for job in wanted
    ]
    assert [one.number for batch in batches for one in batch.added] == [job.number for job in found]


def test_a_job_among_hundreds_may_wait_for_one_before_it(store):
    lines = [b'{"command":"x","id":"j%d"}' % number for number in range(300)]
    lines.append(b'{"command":"x","after":"j7"}')

    (batch,) = bulk.enqueue(store, io.BytesIO(b"\n".join(lines)), plan())

    assert (batch.good, batch.bad) == (301, [])
    assert [job.number for job in jobs_of(store) if job.blocked is not None] == [301]


def test_bad_lines_among_thousands_keep_their_numbers(store):
    lines = [b'{"command":"echo %d"}' % number for number in range(1, 12_001)]
    lines[6_999], lines[10_999] = b'{"command":1}', b"{"

    batches = list(bulk.enqueue(store, io.BytesIO(b"\n".join(lines)), plan()))

    assert [bad.line for batch in batches for bad in batch.bad] == [7_000, 11_000]
    assert len(jobs_of(store)) == 11_998


def test_a_bad_line_keeps_its_number_and_reason():
    (batch,) = bulk.check(io.BytesIO(b"\n\n{}\n"), plan())

    assert [(bad.line, type(bad.error)) for bad in batch.bad] == [(3, BadData)]


def stream(lines):
    return io.BytesIO("".join(f"{line}\n" for line in lines).encode())


def test_jobs_that_wait_come_in_the_order_of_their_lines(store):
    lines = [f'{{"id":"a{n}","command":"x"}}' for n in range(150)]
    lines += ['{"command":"y","after":["a0","a149:any"],"mutex":"db"}', "z"]

    (batch,) = bulk.enqueue(store, stream(lines), plan())

    assert [one.waits for one in batch.added[-2:]] == ["dependency", None]
    assert list(batch.bad) == []
    assert [one.number for one in batch.added] == list(range(1, 153))


def test_one_that_waits_for_nobody_there_is_told_and_the_others_are_added(store):
    lines = ['{"command":"x"}'] * 120 + ['{"command":"y","after":["nope"]}'] + ["z"] * 120

    (batch,) = bulk.enqueue(store, stream(lines), plan())

    assert (batch.good, [one.line for one in batch.bad]) == (240, [121])
    assert len(jobs_of(store)) == 240


def test_all_or_none_holds_for_jobs_that_wait_too(store):
    lines = ['{"command":"x","mutex":"m"}'] * 120 + ['{"command":"y","after":["nope"]}']

    with pytest.raises(NotFound):
        bulk.enqueue_atomic(store, stream(lines), plan())

    assert jobs_of(store) == []
