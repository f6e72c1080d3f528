"""What few jobs ask for besides: the checks of what people write, and what the words mean.

Pure. Imported for a job that asks for any of it only.
"""

from __future__ import annotations

import signal
from base64 import b64decode

from queuectl_core import job as checks
from queuectl_core.durations import parse_duration_ms
from queuectl_core.errors import BadData
from queuectl_core.job import shown
from queuectl_core.options import JobOptions
from queuectl_core.run import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.run import Outcome

MAX_INPUT_BYTES = 1_048_576
"""It lies in the queue file and is read with the job, so it must not be large."""
MAX_CODE = 255
SIGNALLED = 128
"""A shell adds it to the number of the signal that ended a program (POSIX, 2.8.2)."""
LOWEST_NICE, HIGHEST_NICE = -20, 19
MAX_JITTER_PERCENT = 100
_WORDS = (Ending.TIMEOUT, Ending.VERIFY)


def from_fields(fields: Mapping[str, object]) -> JobOptions | None:
    """Return the checked options among the fields of a job as people write it; None without any."""
    given = {
        name: check(name, fields[name])
        for name, check in _CHECKS.items()
        if fields.get(name) is not None
    }
    if "kill_after" in given:
        given["kill_after_ms"] = given.pop("kill_after")
    if given.get("input") is not None and given.get("input_base64") is not None:
        raise BadData("input and input_base64 do not go together", hint="give one of them")
    kept = {name: value for name, value in given.items() if value is not None}
    return JobOptions(**kept) if kept else None  # type: ignore[arg-type] # each has its check


def matches(codes: str, outcome: Outcome) -> bool:
    """Tell whether a list of codes names the way a run ended.

    A signal counts as 128 + its number, whether it ended the program or a shell says so. A timeout
    and a check that failed are named by their words only.
    """
    if outcome.ending in _WORDS:
        return str(outcome.ending) in codes.split(",")
    if outcome.ending is Ending.SIGNAL:
        return _has(codes, SIGNALLED + (outcome.signal or 0))
    return outcome.ending is Ending.EXIT and _has(codes, outcome.exit_code or 0)


def _has(codes: str, code: int) -> bool:
    for item in codes.split(","):
        if item not in _WORDS:
            first, last = _range(item)
            if first <= code <= last:
                return True
    return False


def _range(item: str) -> tuple[int, int]:
    """Return the first and the last code of `3`, `10-19` or `SIGKILL`; ValueError otherwise."""
    if item.startswith("SIG"):
        try:
            number = SIGNALLED + signal.Signals[item]
        except KeyError:
            raise ValueError(item) from None
        return number, number
    low, dash, high = item.partition("-")
    high = high if dash else low
    if not (low.isascii() and low.isdigit() and high.isascii() and high.isdigit()):
        raise ValueError(item)
    return int(low), int(high)


def check_codes(name: str, value: object) -> str:
    """Return a list of codes as it is kept, from a number, a text, or a list of both."""
    items = value if isinstance(value, list) else [value]
    if not items or not all(type(item) in {int, str} for item in items):
        raise BadData(f"{name} must be exit codes, not {shown(value)}", hint=_CODES_HINT)
    kept = [part.strip() for item in items for part in str(item).split(",")]
    for part in kept:
        if part not in _WORDS:
            _check_code(name, part)
        elif name == "ok_codes" and part == Ending.VERIFY:
            raise BadData("ok_codes can't take verify", hint="leave the check out instead")
    return ",".join(kept)


def _check_code(name: str, part: str) -> None:
    try:
        first, last = _range(part)
    except ValueError:
        raise BadData(f"{name} has {shown(part)}, which is no code", hint=_CODES_HINT) from None
    if not first <= last <= MAX_CODE:
        raise BadData(f"{name} has {shown(part)}; codes go from 0 to {MAX_CODE}", hint=_CODES_HINT)


_CODES_HINT = "as in 0,3,10-19 or SIGKILL,timeout"


def parse_jitter(text: str) -> tuple[float, int]:
    """Return the share of a wait that chance may take away, and the span that it may add."""
    if not text.endswith("%"):
        return 0.0, parse_duration_ms(text)
    digits = text[:-1]
    if not (digits.isascii() and digits.isdigit() and int(digits) <= MAX_JITTER_PERCENT):
        raise BadData(f"{shown(text)} is no share", hint="from 0% to 100%")
    return int(digits) / 100, 0


def _jitter(name: str, value: object) -> str:
    text = f"{value}" if type(value) in {int, float} else value
    if not isinstance(text, str):
        raise BadData(f"{name} must be a span or a share, not {shown(value)}", hint="20% or 30s")
    try:
        parse_jitter(text)
    except BadData as error:
        raise BadData(f"{name}: {error}", hint=error.hint or "20% or 30s") from error
    return text


def _span_ms(name: str, value: object) -> int:
    text = f"{value}" if type(value) in {int, float} else value
    if not isinstance(text, str):
        raise BadData(f"{name} must be seconds or a text as 10m, not {shown(value)}")
    try:
        span_ms = parse_duration_ms(text)
    except BadData as error:
        raise BadData(f"{name}: {error}", hint=error.hint) from error
    if not 0 <= span_ms <= checks.MAX_TIMEOUT_MS:
        raise BadData(f"{name} must be from 0 to a year, not {shown(value)}")
    return span_ms


def _nice(name: str, value: object) -> int:
    if type(value) is not int or not LOWEST_NICE <= value <= HIGHEST_NICE:
        raise BadData(
            f"{name} must be a whole number from {LOWEST_NICE} to {HIGHEST_NICE},"
            f" not {shown(value)}",
            hint="19 is the kindest; below 0 needs the right to do so",
        )
    return value


def _verify(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadData(f"{name} must be a shell line, not {shown(value)}")
    return checks.check_command(value)


def _flag(name: str, value: object) -> bool | None:
    if not isinstance(value, bool):
        raise BadData(f"{name} must be true or false, not {shown(value)}")
    return value or None


def _input(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadData(f"{name} must be text, not {shown(value)}", hint="bytes: input_base64")
    try:
        _check_size(len(value.encode()))
    except UnicodeEncodeError as error:
        raise BadData(f"{name} is not valid UTF-8 at position {error.start + 1}") from error
    return value


def _input_base64(name: str, value: object) -> str:
    try:
        size = len(b64decode(value, validate=True)) if isinstance(value, str) else -1
    except ValueError:
        size = -1
    if size < 0 or not isinstance(value, str):
        raise BadData(f"{name} must be base64, not {shown(value)}")
    _check_size(size)
    return value


def _check_size(size: int) -> None:
    if size > MAX_INPUT_BYTES:
        raise BadData(
            f"the input has {size:,} bytes; the queue keeps up to {MAX_INPUT_BYTES:,}",
            hint="let the job read a file: queuectl enqueue 'CMD < FILE'",
        )


_CHECKS = {
    "jitter": _jitter,
    "retry_on": check_codes,
    "no_retry_on": check_codes,
    "ok_codes": check_codes,
    "kill_after": _span_ms,
    "verify": _verify,
    "nice": _nice,
    "allow_background": _flag,
    "input": _input,
    "input_base64": _input_base64,
}
