"""Where a worker's own log goes: to its file, rotated, and to the terminal it was started from."""

from __future__ import annotations

import logging
import os
import threading
from logging.handlers import MemoryHandler, RotatingFileHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import TextIOWrapper

    from queuectl_core.clock import Clock

MAX_BYTES = 10_000_000
OLD_FILES = 5
REPEAT_EVERY_MS = 60_000
_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_EARLY = MemoryHandler(1000, flushLevel=logging.CRITICAL + 1)


class _OneLine(logging.Formatter):
    """Shows what would move a terminal's cursor: messages quote the output of jobs."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line; a traceback comes after it, unchanged."""
        line = super().formatMessage(record)
        return line if line.isprintable() else "".join(map(_visible, line))


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class _PrivateFile(RotatingFileHandler):
    """A log that only its owner can read, also after it was rotated."""

    def _open(self) -> TextIOWrapper:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

        return open(
            self.baseFilename,
            "a",
            encoding="utf-8",
            errors="backslashreplace",
            opener=private,
        )


def start() -> None:
    """Log to stderr, and keep what comes before the file is known.

    A forked child inherits what was kept and writes it to its file; here it is forgotten then.
    """
    logging.raiseExceptions = False  # a line that can't be written is no news for the terminal
    terminal = logging.StreamHandler()
    terminal.setFormatter(_OneLine(_FORMAT))
    start_quietly()
    logging.getLogger().addHandler(terminal)
    os.register_at_fork(after_in_parent=_EARLY.buffer.clear)


def start_quietly() -> None:
    """Keep what comes before the file is known."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(_EARLY)


def leave_terminal() -> None:
    """Log to the file alone: stderr of a detached worker is a file that nobody rotates."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)


def write_to(path: str) -> None:
    """Log to the worker's own file from here on, beginning with what came before."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    file = _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    file.setFormatter(_OneLine(_FORMAT))
    root = logging.getLogger()
    root.removeHandler(_EARLY)
    root.addHandler(file)
    _EARLY.setTarget(file)
    _EARLY.close()


class Said:
    """Says what is tried again each second once a minute. For all threads of a pool."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said_ms: dict[str, int] = {}

    def warning(self, text: str, *values: object) -> None:
        """Log a warning, unless the same one was said within REPEAT_EVERY_MS."""
        words = text % values
        now_ms = self._clock.monotonic_ms()
        with self._lock:
            recent = {
                said: at for said, at in self._said_ms.items() if now_ms - at < REPEAT_EVERY_MS
            }
            self._said_ms = {words: now_ms} | recent
        if words not in recent:
            logging.getLogger(__name__).warning("%s", words)
