"""The end of what an attempt wrote, and what came since: lines for a page, in bounded memory."""

from __future__ import annotations

import os
from collections import deque

from queuectl_core.errors import StorageError
from queuectl_core.joblog import JobLogReader, log_path, read_chunks
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_BYTES = 256 * 1024
MOST_LINES = 5_000


class Tail(Record):
    """Lines with their stream, `o`, `e` or `m` (a remark of ours), and where the next part begins.

    `skipped_bytes` are those before the first line that are not shown. `there`: a log exists.
    `unfinished`: the last line goes on with the next part.
    """

    lines: Sequence[tuple[str, str]]
    next_offset: int
    skipped_bytes: int
    there: bool
    unfinished: bool


def tail(logs_dir: str, number: int, attempt: int, *, offset: int | None = None) -> Tail:
    """Return the end of an attempt's output; from `offset` on, where that is given.

    Raises StorageError where the log is there and can't be read.
    """
    path = log_path(logs_dir, number, attempt)
    reader = JobLogReader(path, offset=offset or 0)
    chunks: deque[tuple[str, bytes]] = deque()
    kept = dropped = 0
    try:
        for chunk in reader.poll():
            chunks.append((chunk.stream, chunk.data))
            kept += len(chunk.data)
            while kept > MOST_BYTES and len(chunks) > 1:
                lost = len(chunks.popleft()[1])
                kept, dropped = kept - lost, dropped + lost
    except OSError as error:
        raise StorageError(f"the output can't be read: {error.strerror}") from error
    finally:
        reader.close()
    lines = _lines(chunks)
    cut = lines[-MOST_LINES:]
    dropped += sum(len(text) for _, text in lines[: len(lines) - len(cut)])
    unfinished = bool(chunks) and not chunks[-1][1].endswith(b"\n")
    return Tail(cut, reader.offset, dropped, os.path.exists(path), unfinished)


def pieces(logs_dir: str, number: int, attempt: int) -> Iterator[bytes]:
    """Yield all that is kept of an attempt's output, as it was written."""
    for chunk in read_chunks(log_path(logs_dir, number, attempt)):
        yield chunk.data


def _lines(chunks: deque[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Put chunks of one stream that follow each other together, then cut them into lines."""
    runs: list[tuple[str, list[bytes]]] = []
    for stream, data in chunks:
        if runs and runs[-1][0] == stream:
            runs[-1][1].append(data)
        else:
            runs.append((stream, [data]))
    return [
        (stream, line[:MOST_BYTES])
        for stream, parts in runs
        for line in b"".join(parts).decode("utf-8", "replace").removesuffix("\n").split("\n")
    ]
