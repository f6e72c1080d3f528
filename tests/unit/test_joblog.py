from __future__ import annotations

import errno
import os
import resource
import stat
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from queuectl_core.joblog import (
    HEADER_BYTES,
    MARKER,
    MAX_CHUNK_BYTES,
    RETRY_AFTER_MS,
    STDERR,
    STDOUT,
    Chunk,
    JobLogReader,
    JobLogWriter,
    delete,
    dropped_marker,
    log_path,
    read_chunks,
)

NOW_MS = 1_764_000_000_123

streams = st.sampled_from([STDOUT, STDERR])
outputs = st.lists(st.tuples(streams, st.binary(min_size=1, max_size=300)), max_size=40)
caps = st.integers(0, 1_000)


@pytest.fixture
def path(tmp_path):
    return log_path(str(tmp_path), 12_345, 2)


def write_log(path, pieces, *, head_bytes=10_000, tail_bytes=10_000):
    """Write and close a log; return its writer."""
    writer = JobLogWriter(path, head_bytes=head_bytes, tail_bytes=tail_bytes)
    for stream, data in pieces:
        writer.write(stream, data, NOW_MS)
    writer.close()
    return writer


def text(path):
    """Return what a person sees."""
    return b"".join(chunk.data for chunk in read_chunks(path))


def by_byte(pieces):
    """Return the stream of each byte, and the byte."""
    return [(stream, byte) for stream, data in pieces for byte in data]


def files(path):
    return sorted(name.name for name in Path(path).parent.iterdir())


def test_output_comes_back_with_stream_offset_and_time(path):
    writer = JobLogWriter(path, head_bytes=1_000, tail_bytes=1_000)
    writer.write(STDOUT, b"one\n", NOW_MS)
    writer.write(STDERR, memoryview(b"two"), NOW_MS + 1)
    writer.close()

    assert list(read_chunks(path)) == [
        Chunk("o", 0, b"one\n", NOW_MS),
        Chunk("e", 4, b"two", NOW_MS + 1),
    ]
    assert Path(path).read_bytes() == b"o 0 4 1764000000123\none\n\ne 4 3 1764000000124\ntwo\n"


def test_path_is_made_of_the_numbers_in_directories_of_a_thousand():
    assert log_path("/logs", 12_345, 2) == "/logs/jobs/12/12345.2.log"
    assert log_path("/logs", 7, 1) == "/logs/jobs/0/7.1.log"


def test_a_silent_job_makes_no_file(tmp_path, path):
    writer = write_log(path, [(STDOUT, b"")])

    assert writer.total_bytes == 0
    assert list(tmp_path.iterdir()) == []
    assert list(read_chunks(path)) == []


def test_files_and_directories_are_private(tmp_path, path):
    write_log(path, [(STDOUT, b"x" * 100)] * 3, head_bytes=100, tail_bytes=100)

    modes = {stat.S_IMODE(name.lstat().st_mode) for name in tmp_path.rglob("*") if name.is_file()}
    assert modes == {0o600}
    assert files(path) == ["12345.2.log", "12345.2.log.1", "12345.2.log.2"]
    assert {stat.S_IMODE(name.stat().st_mode) for name in Path(path).parents[:2]} == {0o700}


def test_the_writer_follows_no_symbolic_link(tmp_path, path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    Path(path).parent.mkdir(parents=True)
    Path(path).symlink_to(victim)

    write_log(path, [(STDOUT, b"output")])

    assert victim.read_text() == "precious"
    assert text(path) == b"output"


def test_the_reader_follows_no_symbolic_link(path):
    Path(path).parent.mkdir(parents=True)
    Path(path).symlink_to("/etc/passwd")

    with pytest.raises(OSError, match="symbolic links"):
        list(read_chunks(path))


def test_the_same_attempt_started_again_replaces_its_log(path):
    write_log(path, [(STDOUT, b"a" * 100)] * 5, head_bytes=100, tail_bytes=100)

    write_log(path, [(STDOUT, b"second")])

    assert text(path) == b"second"
    assert files(path) == ["12345.2.log"]


def test_beyond_the_cap_head_and_tail_are_kept_with_a_marker_between(path):
    data = os.urandom(10_000)

    write_log(path, [(STDOUT, data)], head_bytes=1_000, tail_bytes=2_000)

    head, marker, *tail = read_chunks(path)
    assert head.data == data[:1_000]
    assert marker == Chunk(MARKER, 1_000, b"\n[... 5,000 bytes dropped ...]\n", NOW_MS)
    assert b"".join(chunk.data for chunk in tail) == data[-4_000:]


def test_a_marker_stands_on_a_line_of_its_own(path):
    write_log(path, [(STDOUT, b"x" * 63 + b"\n")] * 4, head_bytes=64, tail_bytes=64)

    assert text(path).split(b"\n")[1] == b"[... 64 bytes dropped ...]"


def test_binary_nul_and_our_own_header_lines_are_just_bytes(path):
    data = bytes(range(256)) + b"\no 0 5 1764000000123\nfake!\n\0\0\n"

    write_log(path, [(STDOUT, data), (STDERR, data)])

    assert [chunk.data for chunk in read_chunks(path)] == [data, data]


def test_a_line_of_ten_megabytes_is_split_into_chunks(path):
    data = b"x" * 10_000_000

    write_log(path, [(STDOUT, data)], head_bytes=20_000_000, tail_bytes=0)

    sizes = [len(chunk.data) for chunk in read_chunks(path)]
    assert max(sizes) == MAX_CHUNK_BYTES
    assert sum(sizes) == len(data)


def test_a_write_much_larger_than_the_tail_does_not_turn_the_files_over_and_over(path, monkeypatch):
    opened = []
    real_open = os.open
    monkeypatch.setattr(os, "open", lambda *args: opened.append(args) or real_open(*args))

    write_log(path, [(STDOUT, b"x" * 1_000_000)], head_bytes=10, tail_bytes=10)

    assert len(opened) <= 6


def test_no_tail_means_that_all_after_the_head_is_dropped(path):
    writer = write_log(path, [(STDOUT, b"x" * 500)] * 3, head_bytes=600, tail_bytes=0)

    assert text(path) == b"x" * 600
    assert writer.total_bytes == 1_500
    assert files(path) == ["12345.2.log"]


def test_no_cap_at_all_means_no_file(path):
    writer = write_log(path, [(STDERR, b"error\n")], head_bytes=0, tail_bytes=0)

    assert writer.total_bytes == 6
    assert writer.last_error_line == "error"
    assert list(read_chunks(path)) == []


def test_a_job_that_writes_byte_by_byte_cannot_fill_the_disk_with_headers(path):
    write_log(path, [(STDOUT, b"x")] * 5_000, head_bytes=10_000, tail_bytes=10_000)

    disk_bytes = sum(name.stat().st_size for name in Path(path).parent.iterdir())
    assert disk_bytes < 2 * (10_000 + 2 * 10_000)


@given(outputs, caps, caps)
def test_what_comes_back_is_head_gap_and_tail_of_what_was_written(pieces, head_bytes, tail_bytes):
    with tempfile.TemporaryDirectory() as logs_dir:
        path = log_path(logs_dir, 1, 1)
        writer = write_log(path, pieces, head_bytes=head_bytes, tail_bytes=tail_bytes)
        chunks = list(read_chunks(path))

    written = by_byte(pieces)
    read = [chunk for chunk in chunks if chunk.stream != MARKER]
    assert writer.total_bytes == len(written)
    assert writer.failed is None
    for chunk in read:
        here = written[chunk.offset : chunk.offset + len(chunk.data)]
        assert by_byte([(chunk.stream, chunk.data)]) == here
    gaps = [after for before, after in pairwise(chunks) if before.stream == MARKER]
    assert len(gaps) <= 1
    for before, after in pairwise(read):
        end = before.offset + len(before.data)
        assert end == after.offset or (gaps == [after] and end < after.offset)


@given(st.integers(0, 5_000), caps, st.integers(1, 500), st.integers(HEADER_BYTES, 300))
def test_the_first_and_the_last_bytes_are_kept(total_bytes, head_bytes, tail_bytes, chunk_bytes):
    written = bytes(number % 251 for number in range(total_bytes))
    pieces = [
        (STDOUT, written[start : start + chunk_bytes])
        for start in range(0, total_bytes, chunk_bytes)
    ]
    with tempfile.TemporaryDirectory() as logs_dir:
        path = log_path(logs_dir, 1, 1)
        write_log(path, pieces, head_bytes=head_bytes, tail_bytes=tail_bytes)
        read = b"".join(chunk.data for chunk in read_chunks(path) if chunk.stream != MARKER)

    assert read.startswith(written[:head_bytes])
    assert read.endswith(written[-tail_bytes:])
    assert len(read) <= head_bytes + 2 * tail_bytes


@given(outputs)
def test_nothing_is_lost_under_the_cap(pieces):
    cost_bytes = sum(max(len(data), HEADER_BYTES) for _, data in pieces)
    with tempfile.TemporaryDirectory() as logs_dir:
        path = log_path(logs_dir, 1, 1)
        write_log(path, pieces, head_bytes=cost_bytes // 2, tail_bytes=cost_bytes - cost_bytes // 2)
        read = [(chunk.stream, chunk.data) for chunk in read_chunks(path)]

    assert by_byte(read) == by_byte(pieces)


@given(outputs.filter(bool), st.data())
def test_a_log_torn_at_any_byte_reads_up_to_there(pieces, data):
    with tempfile.TemporaryDirectory() as logs_dir:
        path = log_path(logs_dir, 1, 1)
        write_log(path, pieces, head_bytes=20_000, tail_bytes=0)
        whole = Path(path).read_bytes()
        cut = data.draw(st.integers(0, len(whole) - 1))
        Path(path).write_bytes(whole[:cut])
        read = [(chunk.stream, chunk.data) for chunk in read_chunks(path)]

    assert read == pieces[: len(read)]
    assert len(read) < len(pieces)


@given(outputs, caps, st.integers(0, 2), st.binary(max_size=400), st.data())
def test_the_reader_survives_any_content(pieces, cap, which, junk, data):
    with tempfile.TemporaryDirectory() as logs_dir:
        path = log_path(logs_dir, 1, 1)
        write_log(path, pieces, head_bytes=cap, tail_bytes=cap)
        victim = Path([path, path + ".1", path + ".2"][which])
        if victim.exists():
            content = victim.read_bytes()
            start = data.draw(st.integers(0, len(content)))
            victim.write_bytes(content[:start] + junk + content[start + len(junk) :])
        chunks = list(read_chunks(path))

    assert sum(len(chunk.data) for chunk in chunks if chunk.stream != MARKER) <= 5 * 300 * 40
    assert sum(chunk.stream == MARKER for chunk in chunks) <= 2 * len(pieces) + 6


@pytest.mark.parametrize(
    "damage",
    [
        b"\0" * 100, b"garbage", b"garbage\n", b"x 4 4 1\nabcd\n", b"o 4 4\nabcd\n",
        b"o  4 4 1\nabcd\n", b"o 4 -4 1\nabcd\n", b"o 4 0 1\n\n", b"o 4 999999999999 1\nabcd\n",
        b"o 4 1048577 1\nabcd\n", b"o 4 4 1\nabcdX", b"o 4 4 1" + b"0" * 80 + b"\nabcd\n",
        b"o 4 4 9999999999999999999\nabcd\n", b"o 9223372036854775808 4 1\nabcd\n",
        b"o +4 4 1\nabcd\n", b"o 4_0 4 1\nabcd\n", b"0" * 64,
    ],
)  # fmt: skip
def test_damage_ends_the_reading_with_a_marker(path, damage):
    write_log(path, [(STDOUT, b"good")])
    with Path(path).open("ab") as log:
        log.write(damage + b"e 8 4 1\nmore\n")

    good, marker = read_chunks(path)
    assert good.data == b"good"
    assert marker == Chunk(MARKER, 4, b"\n[... the log is damaged here ...]\n", NOW_MS)


def test_a_damaged_head_does_not_hide_the_tail(path):
    write_log(path, [(STDOUT, b"x" * 100), (STDERR, b"y" * 100)], head_bytes=100, tail_bytes=100)
    Path(path).write_bytes(b"\0" * 100)

    gap, tail, damage = read_chunks(path)
    assert gap.data == dropped_marker(100)
    assert tail.data == b"y" * 100
    assert damage.data == b"\n[... the log is damaged here ...]\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (b"", None),
        (b"\n \r\n\t", None),
        (b"only", "only"),
        (b"first\nlast line  \n\n", "last line"),
        (b"10%\r99%\rdone\r\n", "done"),
        (b"bad \xff byte\n", "bad \N{REPLACEMENT CHARACTER} byte"),
        (b"no\0nul\n", "no\N{REPLACEMENT CHARACTER}nul"),
        (b"y" * 600, "y" * 500),
        (b"start" + b"z" * 10_000_000, "z" * 500),
    ],
)
def test_last_error_line(path, error, line):
    writer = write_log(path, [(STDERR, error), (STDOUT, b"not this\n")])

    assert writer.last_error_line == line


def test_last_error_line_is_put_together_from_many_writes(path):
    error = b"first\nlast: no such file\n"

    writer = write_log(path, [(STDERR, bytes([byte])) for byte in error])

    assert writer.last_error_line == "last: no such file"


def test_the_memory_for_the_last_error_line_is_bounded(path):
    writer = write_log(path, [(STDERR, b"e" * 1_000)] * 100)

    assert len(writer._error_tail) == 4_096


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES])
def test_output_is_dropped_and_counted_once_the_disk_fails(path, monkeypatch, code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    writer = JobLogWriter(path, head_bytes=1_000, tail_bytes=1_000)
    writer.write(STDOUT, b"kept", NOW_MS)
    with monkeypatch.context() as disk:
        disk.setattr(os, "writev", fail)
        writer.write(STDOUT, b"lost", NOW_MS)
    writer.write(STDERR, b"also lost", NOW_MS)
    writer.close()

    assert writer.failed == os.strerror(code)
    assert writer.total_bytes == 17
    assert writer.last_error_line == "also lost"
    assert text(path) == b"kept"


def refuse_writes(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("later_ms", [RETRY_AFTER_MS, -RETRY_AFTER_MS])
def test_output_is_kept_again_once_the_disk_takes_it(path, monkeypatch, later_ms):
    writer = JobLogWriter(path, head_bytes=1_000, tail_bytes=1_000)
    writer.write(STDOUT, b"kept\n", NOW_MS)
    with monkeypatch.context() as disk:
        disk.setattr(os, "writev", refuse_writes)
        writer.write(STDOUT, b"lost\n", NOW_MS)
    writer.write(STDOUT, b"too soon\n", NOW_MS + later_ms // 2)

    writer.write(STDOUT, b"again\n", NOW_MS + later_ms)  # the wall clock may have been set back

    writer.close()
    assert text(path) == b"kept\n[... 14 bytes dropped ...]\nagain\n"
    assert writer.failed == os.strerror(errno.ENOSPC)


def test_a_disk_that_refuses_the_first_byte_may_take_a_later_one(path, monkeypatch):
    writer = JobLogWriter(path, head_bytes=1_000, tail_bytes=1_000)
    with monkeypatch.context() as disk:
        disk.setattr(os, "mkdir", refuse_writes)
        writer.write(STDOUT, b"lost\n", NOW_MS)

    writer.write(STDOUT, b"again\n", NOW_MS + RETRY_AFTER_MS)

    writer.close()
    assert text(path) == b"[... 5 bytes dropped ...]\nagain\n"


def test_a_tail_that_can_not_be_made_does_not_cost_the_other_one(path, monkeypatch):
    writer = JobLogWriter(path, head_bytes=64, tail_bytes=64)
    for data in (b"h" * 64, b"1" * 64):
        writer.write(STDOUT, data, NOW_MS)
    with monkeypatch.context() as disk:
        disk.setattr(os, "open", refuse_writes)
        writer.write(STDOUT, b"lost", NOW_MS)

    writer.write(STDOUT, b"2" * 64, NOW_MS + RETRY_AFTER_MS)

    writer.close()
    kept = b"h" * 64 + b"1" * 64 + b"\n[... 4 bytes dropped ...]\n" + b"2" * 64
    assert text(path) == kept


def test_nothing_is_kept_while_the_disk_is_for_something_else(path):
    refusal = []

    def check():
        if refusal:
            raise refusal[0]

    writer = JobLogWriter(path, head_bytes=1_000, tail_bytes=1_000, check=check)
    writer.write(STDOUT, b"kept\n", NOW_MS)
    refusal.append(OSError(errno.ENOSPC, "no room"))
    writer.write(STDERR, b"lost\n", NOW_MS)
    refusal.clear()
    writer.write(STDOUT, b"again\n", NOW_MS + RETRY_AFTER_MS)

    writer.close()
    assert text(path) == b"kept\n[... 5 bytes dropped ...]\nagain\n"
    assert (writer.failed, writer.last_error_line) == ("no room", "lost")


def test_a_short_write_leaves_no_torn_chunk(path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = JobLogWriter(path, head_bytes=10_000, tail_bytes=1_000)
    writer.write(STDOUT, b"kept", NOW_MS)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        writer.write(STDOUT, b"x" * 1_000, NOW_MS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    writer.close()

    assert writer.failed == os.strerror(errno.EFBIG)
    assert Path(path).read_bytes() == b"o 0 4 1764000000123\nkept\n"


def test_a_short_write_is_finished_when_the_disk_takes_the_rest(path, monkeypatch):
    writer = JobLogWriter(path, head_bytes=10_000, tail_bytes=1_000)
    monkeypatch.setattr(os, "writev", lambda fd, parts: os.write(fd, b"".join(parts)[:7]))

    writer.write(STDOUT, b"x" * 1_000, NOW_MS)

    assert writer.failed is None
    assert text(path) == b"x" * 1_000
    writer.close()


def test_a_directory_that_cannot_be_made_does_not_raise(tmp_path):
    writer = write_log(str(tmp_path / "missing" / "jobs" / "0" / "1.1.log"), [(STDOUT, b"lost")])

    assert writer.failed == os.strerror(errno.ENOENT)
    assert writer.total_bytes == 4


@pytest.mark.parametrize(("times", "failed"), [(1, None), (9, os.strerror(errno.ENOENT))])
def test_a_directory_that_delete_takes_away_is_made_again(path, monkeypatch, times, failed):
    made = []
    real_mkdir = os.mkdir

    def mkdir_then_delete(name, mode):
        real_mkdir(name, mode)
        made.append(name)
        if name == os.path.dirname(path) and made.count(name) <= times:
            os.rmdir(name)

    monkeypatch.setattr(os, "mkdir", mkdir_then_delete)

    writer = write_log(path, [(STDOUT, b"output")])

    assert writer.failed == failed
    assert text(path) == (b"" if failed else b"output")


def test_an_error_on_closing_is_kept(path):
    writer = JobLogWriter(path, head_bytes=1_000, tail_bytes=1_000)
    writer.write(STDOUT, b"kept", NOW_MS)
    os.close(writer._fd)

    writer.close()
    writer.close()

    assert writer.failed == os.strerror(errno.EBADF)


def test_polls_give_only_what_is_new(path):
    reader = JobLogReader(path)
    writer = JobLogWriter(path, head_bytes=10_000, tail_bytes=10_000)

    assert list(reader.poll()) == []
    writer.write(STDOUT, b"one", NOW_MS)
    assert [chunk.data for chunk in reader.poll()] == [b"one"]
    assert list(reader.poll()) == []
    writer.write(STDERR, b"two", NOW_MS)
    writer.write(STDOUT, b"three", NOW_MS)
    assert [chunk.data for chunk in reader.poll()] == [b"two", b"three"]
    assert reader.offset == 11
    writer.close()
    reader.close()


def test_a_poll_waits_for_the_rest_of_a_chunk(path):
    write_log(path, [(STDOUT, b"first")])
    second = b"e 5 6 1764000000999\nsecond\n"
    reader = JobLogReader(path)
    assert len(list(reader.poll())) == 1

    for byte in second[:-1]:
        with Path(path).open("ab") as log:
            log.write(bytes([byte]))
        assert list(reader.poll()) == []
    with Path(path).open("ab") as log:
        log.write(second[-1:])

    assert list(reader.poll()) == [Chunk("e", 5, b"second", 1_764_000_000_999)]
    reader.close()


def test_a_reader_that_keeps_up_sees_all_across_rotations(path):
    reader = JobLogReader(path)
    writer = JobLogWriter(path, head_bytes=100, tail_bytes=200)
    seen = b""

    for number in range(100):
        writer.write(STDOUT, b"%0100d" % number, NOW_MS)
        seen += b"".join(chunk.data for chunk in reader.poll())

    assert seen == b"".join(b"%0100d" % number for number in range(100))
    writer.close()
    reader.close()


def test_a_reader_that_falls_behind_sees_the_gap(path):
    reader = JobLogReader(path)
    writer = JobLogWriter(path, head_bytes=100, tail_bytes=100)
    writer.write(STDOUT, b"a" * 100, NOW_MS)
    list(reader.poll())

    for letter in (b"b", b"c", b"d", b"e"):
        writer.write(STDOUT, letter * 100, NOW_MS)

    marker, fourth, fifth = reader.poll()
    assert marker == Chunk(MARKER, 100, b"\n" + dropped_marker(200), NOW_MS)
    assert (fourth.data, fifth.data) == (b"d" * 100, b"e" * 100)
    assert reader.offset == writer.total_bytes
    writer.close()
    reader.close()


def test_a_reader_finishes_a_file_that_was_replaced_under_it(path):
    writer = JobLogWriter(path, head_bytes=0, tail_bytes=200)
    writer.write(STDOUT, b"a" * 100, NOW_MS)
    reader = JobLogReader(path)
    list(reader.poll())

    writer.write(STDOUT, b"b" * 100, NOW_MS)
    for letter in (b"c", b"d", b"e"):
        writer.write(STDOUT, letter * 200, NOW_MS)

    assert [chunk.data for chunk in reader.poll()] == [
        b"b" * 100,
        b"\n" + dropped_marker(200),
        b"d" * 200,
        b"e" * 200,
    ]
    writer.close()
    reader.close()


def test_a_poll_ends_however_fast_the_writer_is(path):
    writer = JobLogWriter(path, head_bytes=100, tail_bytes=100)
    writer.write(STDOUT, b"x" * 300, NOW_MS)
    reader = JobLogReader(path)
    chunks = 0

    for chunk in reader.poll():
        chunks += chunk.stream != MARKER
        writer.write(STDOUT, b"x" * 200, NOW_MS)
        assert chunks <= 4

    writer.close()
    reader.close()


def test_a_poll_that_is_left_early_goes_on_later(path):
    write_log(path, [(STDOUT, b"%0100d" % n) for n in range(5)], head_bytes=200, tail_bytes=300)
    reader = JobLogReader(path)

    seen = [int(next(reader.poll()).data) for _ in range(5)]

    assert seen == [0, 1, 2, 3, 4]
    assert list(reader.poll()) == []
    reader.close()


@pytest.mark.parametrize("offset", [0, 1, 99, 100, 101, 250, 399, 400, 1_000])
def test_a_reader_begins_at_any_offset(path, offset):
    pieces = [(STDOUT, bytes([number]) * 100) for number in range(4)]
    write_log(path, pieces, head_bytes=200, tail_bytes=100)
    reader = JobLogReader(path, offset=offset)

    seen = b"".join(chunk.data for chunk in reader.poll())

    assert seen == b"".join(data for _, data in pieces)[offset:]
    reader.close()


@pytest.mark.parametrize("offset", [200, 250])
def test_a_reader_that_begins_in_a_tail_does_not_read_the_head(path, offset):
    write_log(path, [(STDOUT, b"x" * 100)] * 3, head_bytes=200, tail_bytes=100)
    with Path(path).open("ab") as head:
        head.write(b"damage\n")
    reader = JobLogReader(path, offset=offset)

    assert [chunk.data for chunk in reader.poll()] == [b"x" * (300 - offset)]
    reader.close()


def test_an_offset_in_the_gap_shows_the_rest_of_the_gap(path):
    write_log(path, [(STDOUT, b"x" * 100)] * 6, head_bytes=100, tail_bytes=100)
    reader = JobLogReader(path, offset=250)

    marker, *_ = reader.poll()

    assert marker == Chunk(MARKER, 250, dropped_marker(150), NOW_MS)
    reader.close()


def test_delete_removes_all_files_and_the_empty_directory(tmp_path):
    for attempt in (1, 2, 3):
        path = log_path(str(tmp_path), 7, attempt)
        write_log(path, [(STDOUT, b"x" * 100)] * 4, head_bytes=100, tail_bytes=100)

    delete(str(tmp_path), 7, range(1, 3))
    assert files(path) == ["7.3.log", "7.3.log.1", "7.3.log.2"]
    delete(str(tmp_path), 7, [3, 4])

    assert list((tmp_path / "jobs").iterdir()) == []


def test_delete_of_what_never_was_is_fine(tmp_path):
    delete(str(tmp_path), 7, [])
    delete(str(tmp_path), 7, [1])

    assert list(tmp_path.iterdir()) == []


class FollowedLog(RuleBasedStateMachine):
    """A follower sees every byte in order, or a marker with the exact number it missed."""

    @initialize(head_bytes=caps, tail_bytes=st.integers(1, 500))
    def start(self, head_bytes, tail_bytes):
        self.directory = tempfile.TemporaryDirectory()
        self.path = log_path(self.directory.name, 1, 1)
        self.writer = JobLogWriter(self.path, head_bytes=head_bytes, tail_bytes=tail_bytes)
        self.reader = JobLogReader(self.path)
        self.written = b""
        self.seen_bytes = 0

    @rule(stream=streams, data=st.binary(min_size=1, max_size=300))
    def write(self, stream, data):
        self.writer.write(stream, data, NOW_MS)
        self.written += data

    @rule(data=st.binary(min_size=1, max_size=3), times=st.integers(1, 30))
    def write_much(self, data, times):
        for _ in range(times):
            self.write(STDOUT, data * 50)

    @rule()
    def follow(self):
        for chunk in self.reader.poll():
            if chunk.stream == MARKER:
                dropped = int(chunk.data.split()[1].replace(b",", b""))
                assert dropped > 0
                self.seen_bytes += dropped
                continue
            assert chunk.offset == self.seen_bytes
            self.seen_bytes += len(chunk.data)
            assert chunk.data == self.written[chunk.offset : self.seen_bytes]
        assert self.seen_bytes == len(self.written)

    @rule()
    def follow_anew_from_here(self):
        self.reader.close()
        self.reader = JobLogReader(self.path, offset=self.seen_bytes)

    @invariant()
    def nothing_failed(self):
        assert not hasattr(self, "writer") or self.writer.failed is None

    def teardown(self):
        if hasattr(self, "writer"):
            self.writer.close()
            self.reader.close()
            self.directory.cleanup()


FollowedLog.TestCase.settings = settings(max_examples=50, stateful_step_count=20)
test_followed_log = FollowedLog.TestCase
