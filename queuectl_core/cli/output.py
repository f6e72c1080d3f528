"""The one door to standard output and error: lines, JSON lines, colour, and the sanitizer.

Data goes to stdout, messages to stderr. Nothing that a job wrote reaches a terminal with a control
character in it.
"""

from __future__ import annotations

import os
import sys

from queuectl_core.errors import QueuectlError, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *_BIDI)
_LAST_BYTE = 0xFF
_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_VISIBLE = {
    code: _SHORT.get(code, f"\\x{code:02x}" if code <= _LAST_BYTE else f"\\u{code:04x}")
    for code in _CONTROLS
}
# In a log, lines and tabs are what they are.
_VISIBLE_IN_LOGS = {code: text for code, text in _VISIBLE.items() if code not in {0x09, 0x0A}}
_ESCAPED_IN_JSON = {code: f"\\u{code:04x}" for code in _CONTROLS}
_COLOURS = {
    "completed": "32", "ok": "32", "processing": "36", "failed": "33", "stopping": "33",
    "dead": "31", "not responding": "31", "cancelled": "2",
}  # fmt: skip


def is_terminal() -> bool:
    """Tell whether a person reads stdout."""
    return sys.stdout.isatty()


def clean(text: str) -> str:
    """Return text as one line that moves no cursor and turns no writing direction."""
    return text if text.isprintable() else text.translate(_VISIBLE)


def clean_log(text: str) -> str:
    """Return a job's output with its lines and tabs, every other control character made visible."""
    return text.translate(_VISIBLE_IN_LOGS)


class Output:
    """How one command speaks. `tty` is True where a person reads stdout."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, colour: bool = True) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.tty = is_terminal()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.colour = colour and self.tty and not plain

    def line(self, text: str = "") -> None:
        """Write one line of data. What comes from jobs has gone through `clean` before."""
        write(text + "\n")

    def record(self, fields: Mapping[str, object]) -> None:
        """Write one JSON line."""
        from json import dumps  # noqa: PLC0415 - many verbs write none

        text = dumps(fields, ensure_ascii=False, separators=(",", ":"))
        write((text.translate(_ESCAPED_IN_JSON) if self.tty else text) + "\n")

    def note(self, text: str) -> None:
        """Write a message to stderr, unless quiet."""
        if not self.quiet:
            if self.tty:
                flush()  # or it would stand before the lines that it is about
            write_message(text)

    def paint(self, text: str, word: str) -> str:
        """Colour `text` as the state `word` asks for, on a terminal that wants it."""
        code = _COLOURS.get(word)
        return f"\x1b[{code}m{text}\x1b[0m" if code and self.colour else text


def write(text: str) -> None:
    """Write to stdout; what UTF-8 can't hold comes out as an escape."""
    write_bytes(text.encode("utf-8", "backslashreplace"))


def write_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are. BrokenPipeError is left to the caller of the command."""
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from error


def flush() -> None:
    """Hand all output over; StorageError where the file or disk behind stdout does not take it."""
    try:
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from error


def _lost(error: OSError) -> StorageError:
    return StorageError(
        f"the output could not be written: {error.strerror}", hint="the command itself is done"
    )


def write_message(text: str) -> None:
    """Write a line to stderr; nobody can be told when that fails."""
    try:
        sys.stderr.write(clean_log(text).encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def write_error_bytes(data: bytes) -> None:
    """Write bytes of a job to stderr as they are; nobody can be told when that fails."""
    try:
        sys.stderr.flush()
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()
    except (OSError, ValueError):
        return


def failure(error: QueuectlError, *, as_json: bool = False, **more: object) -> None:
    """Write an error: what happened, then what to do; with --json both and `more` in one object."""
    if as_json:
        from json import dumps  # noqa: PLC0415 - for an error only

        fields = {"error": str(error), "hint": error.hint, "exit_code": error.exit_code, **more}
        text = dumps(fields, ensure_ascii=False, separators=(",", ":"))
        write_message(text.translate(_ESCAPED_IN_JSON))
        return
    write_message(f"queuectl: {clean(str(error))}")
    write_message(f"hint: {clean(error.hint)}")


def prompt(text: str) -> None:
    """Ask on stderr, in the line that the answer ends."""
    flush()
    sys.stderr.write(clean(text))
    sys.stderr.flush()


def progress(text: str) -> None:
    """Overwrite the progress line on stderr, where a person reads it; the empty text ends it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def abandon() -> None:
    """Send what is left in the buffer nowhere: the reader of stdout is gone."""
    _point_at_nothing(1)


def plug_closed() -> None:
    """Open what came closed (`>&-`) on /dev/null: no file of ours must get its descriptor."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _point_at_nothing(fd)
            mode = "w" if fd else "r"
            stream = open(fd, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
            setattr(sys, name, stream)


def _point_at_nothing(fd: int) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    if null != fd:
        os.dup2(null, fd)
        os.close(null)
