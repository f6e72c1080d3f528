"""The captured output of one attempt: written under a cap, read back, followed, deleted.

A log is a head (`<path>`) and two tails (`<path>.1`, `<path>.2`) that take turns once the head is
full. Each file only ever grows, by whole chunks: a header line `o 12345 4096 1764000000123`
(stream, offset in the whole output, length in bytes, epoch ms), the bytes as the job wrote them,
a newline. It must not know what a job is.
"""

from __future__ import annotations

import os

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader

    Check = Callable[[], object]

STDOUT = "o"
STDERR = "e"
# A chunk that the reader puts in: it tells of output that is not there.
MARKER = "m"

# The writer splits above this, the reader believes nothing above it.
MAX_CHUNK_BYTES = 1 << 20
# Longer than any header; also what a write counts against the cap at least. So a job that writes
# byte by byte can't fill the disk with headers: it takes less than twice what the caps say.
HEADER_BYTES = 64
ERROR_LINE_CHARACTERS = 500
RETRY_AFTER_MS = 1_000

_HEADER_FIELDS = 4
_ERROR_TAIL_BYTES = 4096
# `delete` may take the directory away between its making and its first file.
_CREATE_TRIES = 3
_MAX_NUMBER = (1 << 63) - 1
_DAMAGE = b"[... the log is damaged here ...]\n"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Chunk(Record):
    """A run of bytes of one stream; `offset` counts from the first byte of both streams together.

    With `stream` MARKER, `data` is a line for people and `offset` the place where output is lost.
    """

    stream: str
    offset: int
    data: bytes
    at_ms: int


def log_path(logs_dir: str, number: int, attempt: int) -> str:
    """Return where the output of an attempt lies; made of our own integers only."""
    return f"{_directory(logs_dir, number)}/{number}.{attempt}.log"


def delete(logs_dir: str, number: int, attempts: Iterable[int]) -> None:
    """Remove the logs of these attempts of job `number`; one that does not exist counts as removed.

    Raises OSError when a file is there and can't be removed.
    """
    for attempt in attempts:
        _remove_log(_segment_paths(log_path(logs_dir, number, attempt)))
    try:
        os.rmdir(_directory(logs_dir, number))
    except OSError:
        return  # Other jobs have logs there, or there never was one.


def read_chunks(path: str) -> Iterator[Chunk]:
    """Yield the whole log in order, with a MARKER where output was dropped; nothing without a log.

    Holds one chunk in memory. What it reads is not trusted: damage gives a MARKER, never an error.
    Raises OSError when the files are there but can't be opened.
    """
    reader = JobLogReader(path)
    try:
        yield from reader.poll()
    finally:
        reader.close()


def dropped_marker(dropped_bytes: int) -> bytes:
    """Return the line that stands for output that was not kept."""
    return f"[... {dropped_bytes:,} bytes dropped ...]\n".encode("ascii")


class JobLogWriter:
    """Keep the first `head_bytes` and at least the last `tail_bytes` of an attempt's output.

    A write below HEADER_BYTES counts as that much. The disk holds head_bytes + 2 * tail_bytes and
    the headers. `tail_bytes=0` drops all that comes after the head. The file appears with the first
    byte and replaces the log of an earlier start of the same attempt. For one thread. Never raises
    OSError, since the job's result matters more: where `check` or a write does, output is counted
    and dropped for RETRY_AFTER_MS. What is kept after that tells the reader.
    """

    def __init__(self, path: str, *, head_bytes: int, tail_bytes: int, check: Check = bool) -> None:
        self.total_bytes = 0
        # Why the log is not complete (the system's message), or None.
        self.failed: str | None = None
        self._failed_at_ms = -RETRY_AFTER_MS
        self._check = check
        self._paths = _segment_paths(path)
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._segment: int | None = None
        self._fd = -1
        self._room_bytes = 0
        self._error_tail = b""

    def write(self, stream: str, data: bytes | memoryview, now_ms: int) -> None:
        """Append `data` of STDOUT or STDERR, read from the job at `now_ms`."""
        offset = self.total_bytes
        self.total_bytes += len(data)
        if stream == STDERR:
            kept = bytes(data[-_ERROR_TAIL_BYTES:])
            self._error_tail = (self._error_tail + kept)[-_ERROR_TAIL_BYTES:]
        waits = abs(now_ms - self._failed_at_ms) < RETRY_AFTER_MS  # the wall clock may jump
        if waits or self._head_bytes + self._tail_bytes <= 0:
            return
        try:
            self._check()
            self._store(stream, offset, memoryview(data), now_ms)
        except OSError as error:
            self.failed = error.strerror or str(error)
            self._failed_at_ms = now_ms

    @property
    def last_error_line(self) -> str | None:
        """Return the last line of stderr that is not blank, or None; 500 characters, no NUL."""
        for line in reversed(self._error_tail.splitlines()):
            # PostgreSQL takes no NUL in a text, and would refuse the job's result with it.
            text = line.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
            if text := text.strip():
                return text[:ERROR_LINE_CHARACTERS]
        return None

    def forget_errors(self) -> None:
        """Let `last_error_line` not look back beyond here: another program follows."""
        self._error_tail = b""

    def close(self) -> None:
        """Close the file; the log can be read before and after."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            os.close(fd)
        except OSError as error:  # A quota or a network disk may complain only now.
            self.failed = error.strerror or str(error)

    def _store(self, stream: str, offset: int, data: memoryview, now_ms: int) -> None:
        """Spread `data` over chunks and files, without the part that the tails would not hold."""
        end = offset + len(data)
        padding_bytes = max(0, HEADER_BYTES - len(data))
        while data:
            while self._room_bytes <= 0:
                if self._segment is not None and self._tail_bytes <= 0:
                    return
                self._open_next_segment()
                if self._segment != 0:
                    data = data[-2 * self._tail_bytes :]
            piece = data[: min(self._room_bytes, MAX_CHUNK_BYTES)]
            header = b"%c %d %d %d\n" % (ord(stream), end - len(data), len(piece), now_ms)
            self._append(header, piece)
            self._room_bytes -= len(piece) + padding_bytes
            data = data[len(piece) :]

    def _append(self, header: bytes, piece: memoryview) -> None:
        """Write one chunk in one call, so that a reader or a crash seldom sees half of it."""
        parts = (header, piece, b"\n")
        written_bytes = os.writev(self._fd, parts)
        if written_bytes <= len(header) + len(piece):
            self._append_rest(b"".join(parts), written_bytes)

    def _append_rest(self, chunk: bytes, written_bytes: int) -> None:
        """Finish a short write; cut the torn chunk off when that fails, and raise the OSError."""
        try:
            while written_bytes < len(chunk):
                written_bytes += os.write(self._fd, chunk[written_bytes:])
        except OSError:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written_bytes)
            raise

    def _open_next_segment(self) -> None:
        """Go from the head to the first tail, then from tail to tail, replacing the older one."""
        self.close()
        if self._segment is None:
            self._fd, self._segment = _create_head(self._paths), 0
            self._room_bytes = self._head_bytes
            return
        path = self._paths[self._segment % 2 + 1]
        # A new file, not the old one truncated: whoever reads that one can read it to its end.
        _remove_file(path)
        self._fd, self._segment = os.open(path, _CREATE, 0o600), self._segment % 2 + 1
        self._room_bytes = self._tail_bytes


class JobLogReader:
    """Read a log from byte `offset` of the output on, also while it is written. For one thread."""

    def __init__(self, path: str, *, offset: int = 0) -> None:
        # The next byte of the output to come; what a later reader has to be given to go on here.
        self.offset = offset
        self._paths = _segment_paths(path)
        self._segment: _Segment | None = None
        self._following: _Segment | None = None
        self._at_line_start = True

    def poll(self) -> Iterator[Chunk]:
        """Yield what came since the last poll, a MARKER where output was dropped; then stop.

        A chunk that is not wholly there yet comes with a later poll. Three files at most: it ends
        however fast the writer is.
        """
        for _ in self._paths:
            if self._following is None:
                self._following = self._find_following()
            # In this order: the writer begins a file only when the one before is complete.
            yield from self._drain()
            if self._following is None:
                return
            if self._segment is not None:
                self._segment.close()
            self._segment, self._following = self._following, None
        yield from self._drain()

    def close(self) -> None:
        """Close the open files, if any."""
        for segment in (self._segment, self._following):
            if segment is not None:
                segment.close()
        self._segment = self._following = None

    def _find_following(self) -> _Segment | None:
        """Open the file after the current one that holds `offset`, or else the first after it."""
        passed = -1 if self._segment is None else self._segment.first_offset
        found = [segment for path in self._paths if (segment := _open_segment(path)) is not None]
        found.sort(key=lambda segment: segment.first_offset)
        later = [segment for segment in found if segment.first_offset > passed]
        begun = [segment for segment in later if segment.first_offset <= self.offset]
        chosen = next(iter(begun[-1:] + later), None)
        for segment in found:
            if segment is not chosen:
                segment.close()
        return chosen

    def _drain(self) -> Iterator[Chunk]:
        """Yield what the current file has left."""
        while self._segment is not None and (chunk := self._segment.read_chunk()) is not None:
            if chunk.stream == MARKER:
                yield self._marker(chunk.data, chunk.at_ms)
                continue
            if chunk.offset > self.offset:
                dropped = dropped_marker(chunk.offset - self.offset)
                yield self._marker(dropped, chunk.at_ms)
                self.offset = chunk.offset
            if fresh := chunk.data[self.offset - chunk.offset :]:
                start, self.offset = self.offset, self.offset + len(fresh)
                self._at_line_start = fresh.endswith(b"\n")
                yield Chunk(chunk.stream, start, fresh, chunk.at_ms)

    def _marker(self, line: bytes, at_ms: int) -> Chunk:
        """Return a MARKER that stands on a line of its own."""
        data = line if self._at_line_start else b"\n" + line
        self._at_line_start = True
        return Chunk(MARKER, self.offset, data, at_ms)


class _Segment:
    """One open file of a log, read chunk by chunk from the beginning."""

    def __init__(self, file: BufferedReader, first_offset: int) -> None:
        self.first_offset = first_offset
        self._file = file
        self._position_bytes = 0
        self._at_ms = 0
        self._damaged = False

    def read_chunk(self) -> Chunk | None:
        """Return the next whole chunk, one MARKER for damage, or None when there is no more yet."""
        if self._damaged:
            return None
        header = self._file.readline(HEADER_BYTES)
        if not _is_torn(header):
            if (fields := _parse_header(header)) is None:
                return self._damage()
            stream, offset, length_bytes, at_ms = fields
            data = self._file.read(length_bytes)
            end = self._file.read(1)
            if end not in {b"\n", b""}:
                return self._damage()
            if end:
                self._position_bytes += len(header) + length_bytes + 1
                self._at_ms = at_ms
                return Chunk(stream, offset, data, at_ms)
        # The chunk is not whole: still being written, or torn by a crash.
        self._file.seek(self._position_bytes)
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _damage(self) -> Chunk:
        """Read no further: where the next chunk begins is not known."""
        self._damaged = True
        return Chunk(MARKER, 0, _DAMAGE, self._at_ms)


def _open_segment(path: str) -> _Segment | None:
    """Return None when the file does not exist or has no chunk yet."""
    try:
        file = os.fdopen(os.open(path, _READ), "rb")
    except FileNotFoundError:
        return None
    header = file.readline(HEADER_BYTES)
    if _is_torn(header):
        file.close()
        return None
    file.seek(0)
    fields = _parse_header(header)
    # A file that doesn't tell its place comes last: its MARKER must hide none of the others.
    return _Segment(file, _MAX_NUMBER if fields is None else fields[1])


def _is_torn(header: bytes) -> bool:
    """Tell whether this is nothing, or the beginning of a header."""
    return len(header) < HEADER_BYTES and not header.translate(None, b"oe 0123456789")


def _parse_header(header: bytes) -> tuple[str, int, int, int] | None:
    """Return stream, offset, length in bytes and epoch ms, or None for anything but a header."""
    fields = header.removesuffix(b"\n").split(b" ")
    if len(fields) != _HEADER_FIELDS or not header.endswith(b"\n") or fields[0] not in {b"o", b"e"}:
        return None
    if not all(field.isdigit() for field in fields[1:]):
        return None
    offset, length_bytes, at_ms = (int(field) for field in fields[1:])
    if not 0 < length_bytes <= MAX_CHUNK_BYTES or max(offset, at_ms) >= _MAX_NUMBER:
        return None
    return fields[0].decode(), offset, length_bytes, at_ms


def _directory(logs_dir: str, number: int) -> str:
    """Return the directory of a thousand jobs; one for all of them would be slow to list."""
    return f"{logs_dir}/jobs/{number // 1000}"


def _segment_paths(path: str) -> tuple[str, str, str]:
    """Return the head and the two tails."""
    return path, f"{path}.1", f"{path}.2"


def _create_head(paths: tuple[str, str, str]) -> int:
    """Create the head in private directories, in place of an earlier log of the same attempt."""
    for _ in range(_CREATE_TRIES):
        try:
            return os.open(paths[0], _CREATE, 0o600)
        except FileNotFoundError:
            directory = os.path.dirname(paths[0])
            _make_directory(os.path.dirname(directory))
            _make_directory(directory)
        except FileExistsError:
            _remove_log(paths)
    return os.open(paths[0], _CREATE, 0o600)


def _make_directory(path: str) -> None:
    """Create one directory for us alone, unless it exists."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return


def _remove_log(paths: tuple[str, str, str]) -> None:
    """Remove the files of a log, the head last: so no tail is ever left without it."""
    for path in reversed(paths):
        _remove_file(path)


def _remove_file(path: str) -> None:
    """Remove a file, unless it is gone."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
