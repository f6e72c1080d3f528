from __future__ import annotations

import errno
import os

import pytest

from queuectl_core.worker import shortage
from queuectl_core.worker.shortage import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Shortage


@pytest.fixture
def short(clock):
    clock.advance(10 * LONGEST_PAUSE_MS)
    return Shortage(clock)


def refused(number):
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused(errno.EMFILE), "too few open files (ulimit -n)"),
        (refused(errno.ENFILE), "whole system"),
        (refused(errno.EAGAIN), "too few processes (ulimit -u"),
        (refused(errno.ENOMEM), "too little memory"),
        (MemoryError(), "too little memory"),
        (RuntimeError("can't start new thread"), "too few processes (ulimit -u"),
    ],
)
def test_a_shortage_is_told_by_what_is_short(error, words):
    assert words in shortage.of(error)
    assert words in str(shortage.translated(error, "what"))


@pytest.mark.parametrize("error", [refused(errno.ENOENT), OSError("?"), RuntimeError("a bug")])
def test_another_error_is_none(error):
    assert shortage.of(error) is None
    with pytest.raises(type(error)):
        shortage.translated(error, "what")


def test_no_job_is_admitted_for_a_while_then_one_then_all(short, clock):
    short.declare("too little memory")
    assert (short.admits, short.tend()) == (0, False)

    clock.advance(FIRST_PAUSE_MS)
    assert (short.tend(), short.admits) == (True, 1)
    short.ease()

    assert short.admits is None
    assert (short.tend(), short.tend()) == (True, False)


def test_each_pause_is_twice_as_long_up_to_half_a_minute(short, clock):
    pauses = []
    for _ in range(8):
        short.declare("too little memory")
        begun_ms = clock.monotonic_ms()
        while not short.tend():
            clock.advance(FIRST_PAUSE_MS)
        pauses.append((clock.monotonic_ms() - begun_ms) // 1000)

    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_shortage_after_a_long_time_begins_with_a_short_pause(short, clock):
    for _ in range(5):
        short.declare("too little memory")
        clock.advance(LONGEST_PAUSE_MS)
        short.tend()
    clock.advance(3 * LONGEST_PAUSE_MS)

    short.declare("too little memory")
    clock.advance(FIRST_PAUSE_MS)

    assert short.tend()


def test_a_start_from_before_the_shortage_does_not_end_it(short):
    short.declare("too little memory")

    short.ease()

    assert short.admits == 0


def test_a_shortage_is_told_once_and_its_end_once(short, clock, caplog):
    caplog.set_level("INFO")
    for _ in range(3):
        short.declare("too little memory")
        clock.advance(LONGEST_PAUSE_MS)
        short.tend()

    short.ease()
    short.ease()

    assert [record.message for record in caplog.records] == [
        "too little memory: no job starts until there is more; none is lost",
        "jobs can be started again",
    ]


def test_what_must_be_known_is_looked_for_until_it_can_be_seen(clock):
    answers = [refused(errno.EMFILE), refused(errno.ENFILE), [7]]

    def look():
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert shortage.outlast(look, clock) == [7]


def test_a_look_that_fails_for_another_reason_fails(clock):
    def look():
        raise refused(errno.EACCES)

    with pytest.raises(PermissionError):
        shortage.outlast(look, clock)
