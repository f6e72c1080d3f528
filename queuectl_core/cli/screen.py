"""A live view on a terminal: frames in the alternate screen, keys, resizes; put back at the end.

With the control sequences that every terminal of today shares (ECMA-48, xterm) and without curses:
its libraries are 0.55 MB and three files more, which each start of the executable would unpack.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys

from queuectl_core.cli import output
from queuectl_core.cli.table import screen_size
from queuectl_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType, TracebackType

    from queuectl_core.cli.output import Output

# asm-generic/ioctls.h and termbits.h, as on x86, ARM and RISC-V. The termios module would be one
# more file to unpack on each start.
_TCGETS, _TCSETSW, _TERMIOS = 0x5401, 0x5403, struct.Struct("4IB19s")
_ICRNL, _IXON, _ISIG, _ICANON, _ECHO = 0o400, 0o2000, 0o1, 0o2, 0o10
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
# A terminal that knows it shows the frame at once; others ignore it.
_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h", "\x1b[?2026l"
_KEYS = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down",
    "\x1b[5~": "page up", "\x1b[6~": "page down",
    "\x1b[H": "home", "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end",
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape",
}  # fmt: skip
END_KEYS = frozenset({"q", "\x03", "\x04"})
_SIGNALS = (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP)


def check(out: Output, what: str, instead: str) -> None:
    """Refuse a live view where nobody sees it or the terminal can't show it."""
    if out.as_json or not out.tty:
        raise UsageError(f"{what} needs a terminal", hint=instead)
    term = os.environ.get("TERM", "")
    if term in {"", "dumb"}:
        raise UsageError(
            f"{what} needs a terminal that can move its cursor; TERM is {term or 'not set'}",
            hint=instead,
        )


class Screen:
    """The terminal while a live view has it, within `with`. Keys come only from a terminal."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._size = (0, 0)
        self._keyboard = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._usual: bytes | None = None
        self._old_handlers: list[object] = []
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._ended = False

    def __enter__(self) -> Screen:
        """Take the terminal."""
        if self._keyboard is not None:
            self._usual = fcntl.ioctl(self._keyboard, _TCGETS, bytes(_TERMIOS.size))
            fcntl.ioctl(self._keyboard, _TCSETSW, _unbuffered(self._usual))
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._old_handlers = [signal.signal(number, self._note) for number in _SIGNALS]
        _write(_ENTER)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back as it was."""
        try:
            _write(_LEAVE)
        finally:
            if self._keyboard is not None and self._usual is not None:
                fcntl.ioctl(self._keyboard, _TCSETSW, self._usual)
            signal.set_wakeup_fd(-1)
            for number, handler in zip(_SIGNALS, self._old_handlers, strict=True):
                signal.signal(number, handler)  # type: ignore[arg-type] # what signal() returned
            os.close(self._wake)
            os.close(self._waker)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        return screen_size()

    def show(self, lines: Sequence[str]) -> None:
        """Show a frame: lines that fit the width, colours among them. Writes what has changed."""
        size = self.size
        lines = list(lines[: size[1]])
        parts = [_BEGIN_FRAME]
        if size != self._size:
            parts.append("\x1b[2J")
            self._size, self._shown = size, []
        for row, line in enumerate(lines):
            if row >= len(self._shown) or self._shown[row] != line:
                # erased before: behind a full line the cursor stands on its last letter
                parts.append(f"\x1b[{row + 1};1H\x1b[K{line}")
        if len(lines) < len(self._shown):
            parts.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        self._shown = lines
        if len(parts) > 1:
            _write("".join([*parts, _END_FRAME]))

    def keys(self, timeout_ms: int) -> list[str]:
        """Return the keys that came; none when the time passed or the size changed.

        Letters as they are, others by name. A signal to end counts as `q`.
        """
        sources = [self._wake] if self._keyboard is None else [self._wake, self._keyboard]
        ready = select.select(sources, [], [], timeout_ms / 1000)[0]
        if self._wake in ready:
            os.read(self._wake, 512)
        if self._ended:
            return ["q"]
        return self._typed() if self._keyboard in ready else []

    def _typed(self) -> list[str]:
        """Return what was typed; the end of the terminal counts as `q`."""
        try:
            data = os.read(self._keyboard or 0, 1024)
        except OSError:
            data = b""
        return list(named(data.decode("utf-8", "replace"))) if data else ["q"]

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._ended = self._ended or number != signal.SIGWINCH


def named(text: str) -> Iterator[str]:
    """Yield the keys that a terminal sends as this text; sequences that mean nothing here: none."""
    while text:
        length = _sequence_length(text)
        sequence, text = text[:length], text[length:]
        if sequence in _KEYS:
            yield _KEYS[sequence]
        elif length == 1:
            yield sequence


def _sequence_length(text: str) -> int:
    """Return the length of the first key's text: ESC [ parameters letter, ESC O letter, or one."""
    if not text.startswith(("\x1b[", "\x1bO")):
        return 1
    end = 2
    while end < len(text) and text[1] == "[" and not "@" <= text[end] <= "~":
        end += 1
    return end + 1


def _unbuffered(usual: bytes) -> bytes:
    """Return settings under which each key comes at once, unseen; Ctrl-C comes as a key too."""
    iflag, oflag, cflag, lflag, line, characters = _TERMIOS.unpack(usual)
    return _TERMIOS.pack(
        iflag & ~(_ICRNL | _IXON), oflag, cflag, lflag & ~(_ISIG | _ICANON | _ECHO), line,
        characters[:5] + b"\x00\x01" + characters[7:],  # VTIME, VMIN: one byte is enough
    )  # fmt: skip


def _write(text: str) -> None:
    output.write(text)
    output.flush()
