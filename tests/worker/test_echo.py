from __future__ import annotations

import fcntl
import os
import threading

import pytest

from queuectl_core.joblog import STDERR, STDOUT, JobLogWriter, read_chunks
from queuectl_core.worker import echo


@pytest.fixture
def log(tmp_path):
    made = JobLogWriter(str(tmp_path / "log"), head_bytes=1 << 22, tail_bytes=0)
    yield made
    made.close()


@pytest.fixture
def pipes(monkeypatch):
    """Put pipes in the place of stdout and stderr; return the ends to read."""
    ends = {STDOUT: os.pipe(), STDERR: os.pipe()}
    monkeypatch.setattr(echo, "_FDS", {stream: write for stream, (_, write) in ends.items()})
    yield {stream: read for stream, (read, _) in ends.items()}
    for pair in ends.values():
        for fd in pair:
            try:
                os.close(fd)
            except OSError:
                continue  # a test closed it


def kept(tmp_path):
    return b"".join(chunk.data for chunk in read_chunks(str(tmp_path / "log")))


def test_each_stream_goes_where_it_belongs_and_into_the_log(log, pipes, tmp_path):
    shown = echo.Echo(log, bool)

    shown.write(STDOUT, b"\xffout\n", 0)
    shown.write(STDERR, b"err\n", 0)

    assert os.read(pipes[STDOUT], 100) == b"\xffout\n"
    assert os.read(pipes[STDERR], 100) == b"err\n"
    assert kept(tmp_path) == b"\xffout\nerr\n"
    assert (shown.total_bytes, shown.last_error_line) == (9, "err")


def test_a_reader_that_is_gone_does_not_matter(log, pipes, tmp_path):
    os.close(pipes[STDOUT])
    shown = echo.Echo(log, bool)

    shown.write(STDOUT, b"one\n", 0)
    shown.write(STDOUT, b"two\n", 0)
    shown.write(STDERR, b"err\n", 0)

    assert os.read(pipes[STDERR], 100) == b"err\n"
    assert kept(tmp_path) == b"one\ntwo\nerr\n"


def test_a_slow_reader_gets_everything(log, pipes):
    shown = echo.Echo(log, bool)
    data = bytes(range(256)) * 4096
    writer = threading.Thread(target=shown.write, args=(STDOUT, data, 0))
    writer.start()

    read = b""
    while len(read) < len(data):
        read += os.read(pipes[STDOUT], 65_536)
    writer.join()

    assert read == data


def test_a_reader_that_stands_still_can_not_hold_us_up(log, pipes, tmp_path):
    size = fcntl.fcntl(pipes[STDOUT], fcntl.F_GETPIPE_SZ)
    shown = echo.Echo(log, lambda: True)

    shown.write(STDOUT, b"x" * (3 * size), 0)

    assert len(kept(tmp_path)) == 3 * size


def test_a_stream_that_does_not_block_gets_everything_too(log, pipes, monkeypatch):
    os.set_blocking(echo._FDS[STDOUT], False)
    shown = echo.Echo(log, bool)
    data = bytes(range(256)) * 1024
    writer = threading.Thread(target=shown.write, args=(STDOUT, data, 0))
    writer.start()

    read = b""
    while len(read) < len(data):
        read += os.read(pipes[STDOUT], 1000)
    writer.join()

    assert read == data


def test_closed_descriptors_are_passed_over(log, monkeypatch, tmp_path):
    monkeypatch.setattr(echo, "_FDS", {STDOUT: 1_000_000, STDERR: 1_000_001})

    echo.Echo(log, bool).write(STDOUT, b"out\n", 0)

    assert kept(tmp_path) == b"out\n"
