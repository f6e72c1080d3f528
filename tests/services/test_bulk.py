from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuectl_core.errors import BadData, NotFound, StorageFull
from queuectl_core.services import bulk
from queuectl_core.services.bulk import Plan
from queuectl_core.services.intake import Defaults
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


@given(st.lists(st.text("ab é", min_size=1)), st.lists(st.integers(1, 9)))
def test_lines_are_whole_however_they_come(texts, sizes):
    data = "\n".join(texts).encode()
    expected = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]

    seen = []
    for lines in bulk.blocks(Drip(data, sizes)):
        seen += [(number, line.decode()) for number, line in lines if line.strip()]

    assert seen == expected


def test_what_a_slow_writer_gave_is_added_at_once(store):
    batches = bulk.enqueue(store, Drip(b"a\nb\nc\n", [4, 2]), plan())

    assert next(batches).good == 2
    assert len(jobs_of(store)) == 2
    assert next(batches).good == 1


def test_each_batch_has_the_time_of_its_own(store):
    clock = ManualClock()
    batches = bulk.enqueue(store, Drip(b"a\nb\n", [2, 2]), plan(clock))

    next(batches)
    clock.advance(5_000)
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
        def enqueue(self, *_, **__):
            raise StorageFull

    with pytest.raises(StorageFull):
        list(bulk.enqueue(Full(), io.BytesIO(b"a\n"), plan()))


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
