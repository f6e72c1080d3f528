"""All captured output of a queue's jobs on disk: how much it is, and which is the oldest.

What is in a log is joblog's to know, which log may go is pruner's.
"""

from __future__ import annotations

import os
from heapq import heapify, heappop, heappush

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FRESH_MS = 120_000
"""A folder with a younger file is looked at anew: a file grows without a change of its folder."""
KINDS = frozenset({"log", "log.1", "log.2"})
LARGEST = 2**63 - 1
"""No queue has a larger number."""


class Log(Record):
    """The output of one attempt, last written at `at_ms`."""

    at_ms: int
    number: int
    attempt: int
    size_bytes: int


class Folder(Record):
    """What was seen in the directory of a thousand jobs when it had this mtime; it had a log."""

    mtime_ns: int
    oldest_ms: int
    newest_ms: int
    size_bytes: int


class Outputs:
    """Remembers its folders, so that a look reads only those that may have changed."""

    def __init__(self, logs_dir: str) -> None:
        self._root = os.path.join(logs_dir, "jobs")
        self._folders: Mapping[str, Folder] = {}

    @property
    def size_bytes(self) -> int:
        """Return the bytes of all logs, as of the last look."""
        return sum(folder.size_bytes for folder in self._folders.values())

    def look(self, now_ms: int) -> Iterator[None]:
        """Look at everything, a folder a step; what it saw counts when the last step is done."""
        seen: dict[str, Folder] = {}
        for path in _folders(self._root):
            known = self._folders.get(path)
            mtime_ns = _mtime_ns(path)
            if known and known.mtime_ns == mtime_ns and known.newest_ms < now_ms - FRESH_MS:
                seen[path] = known
            elif logs := _logs(path):
                size_bytes = sum(log.size_bytes for log in logs)
                seen[path] = Folder(mtime_ns, logs[0].at_ms, logs[-1].at_ms, size_bytes)
            yield
        self._folders = seen

    def oldest_first(self) -> Iterator[Log]:
        """Yield every log, the oldest first; reads a folder when its turn comes."""
        heap: list[tuple[int, str, list[Log]]] = [
            (folder.oldest_ms, path, []) for path, folder in self._folders.items()
        ]
        heapify(heap)
        while heap:
            _, path, logs = heappop(heap)
            if logs:
                yield logs.pop()
            else:
                logs = _logs(path)[::-1]
            if logs:
                heappush(heap, (logs[-1].at_ms, path, logs))


def parse_name(name: str) -> tuple[int, int] | None:
    """Return job number and attempt of a file of a log (joblog.log_path), None for another name."""
    number, _, rest = name.partition(".")
    attempt, _, kind = rest.partition(".")
    if kind not in KINDS or not (number.isdecimal() and attempt.isdecimal()):
        return None
    return min(int(number), LARGEST), int(attempt)


def _folders(root: str) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def _logs(folder: str) -> list[Log]:
    """Return the logs of a folder, the oldest first; none when it is gone."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if (key := parse_name(entry.name)) is None:
                    continue
                at_ms, size_bytes = _details(entry)
                before_ms, before_bytes = found.get(key, (0, 0))
                found[key] = (max(at_ms, before_ms), size_bytes + before_bytes)
    except FileNotFoundError:
        return []
    return sorted(Log(at_ms, *key, size_bytes) for key, (at_ms, size_bytes) in found.items())


def _details(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Return when a file was written last, and its size; nothing for one that is gone."""
    try:
        details = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0, 0
    return details.st_mtime_ns // 1_000_000, details.st_size
