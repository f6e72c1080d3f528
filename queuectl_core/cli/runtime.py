"""The options on how a job runs, and what they read: the environment, files of variables, stdin."""

from __future__ import annotations

import os
import sys

from queuectl_core.errors import BadData, NoInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.cli.parse import Args

_TEXTS = {
    "jitter": "--jitter",
    "retry_on": "--retry-on",
    "no_retry_on": "--no-retry-on",
    "ok_codes": "--ok-codes",
    "kill_after": "--kill-after",
    "verify": "--verify",
}


def fields(args: Args) -> dict[str, object]:
    """Return the fields that these options give; the checks of a job judge their values."""
    given: dict[str, object] = {
        **{name: args.text(option) for name, option in _TEXTS.items()},
        "nice": number(args.text("--nice")),
        "allow_background": args.flag("--allow-background") or None,
        "env": _environment(args),
        **_input(args.text("--input")),
    }
    return {name: value for name, value in given.items() if value is not None}


def number(text: str | None) -> int | str | None:
    """Return a whole number, or the text as it is for the job's check to name."""
    try:
        return int(text) if text is not None and text.isascii() else text
    except ValueError:
        return text


def _environment(args: Args) -> dict[str, str] | None:
    """Return the variables for the job: of ours, then of a file, then those of --env."""
    return {
        **_inherited(args.words("--inherit-env")),
        **_of_file(args.text("--env-file")),
        **variables(args.words("--env")),
    } or None


def _inherited(globs: Sequence[str]) -> dict[str, str]:
    """Return the variables of ours that the globs name; what is for queuectl itself stays."""
    if not globs:
        return {}
    from fnmatch import fnmatchcase  # noqa: PLC0415 - re: 4 ms

    from queuectl_core.worker.environment import clean  # noqa: PLC0415 - 9 ms

    return {
        name: value
        for name, value in clean(os.environ).items()
        if not name.startswith("QUEUECTL_") and any(fnmatchcase(name, glob) for glob in globs)
    }


def _of_file(path: str | None) -> dict[str, str]:
    if path is None:
        return {}
    from queuectl_core.services import envfile  # noqa: PLC0415 - few jobs have one

    data = _read(path, "--env-file")
    try:
        return envfile.parse(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadData(
            f"{path}: line {line} is not valid UTF-8", hint="re-encode the file: iconv -t UTF-8"
        ) from error
    except BadData as error:
        raise BadData(f"{path}: {error}", hint=error.hint) from error


def variables(pairs: Sequence[str]) -> dict[str, str]:
    """Return the variables of --env; of one that comes twice the last counts."""
    for pair in pairs:
        if "=" not in pair:
            raise BadData(f'--env {pair[:60]} has no "="', hint="write --env NAME=VALUE")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _input(path: str | None) -> dict[str, object]:
    """Return the field that holds what the job is to read: text where it is any."""
    if path is None:
        return {}
    data = _read(path, "--input")
    try:
        return {"input": data.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode  # noqa: PLC0415 - few inputs are no text

        return {"input_base64": b64encode(data).decode()}


def _read(path: str, option: str) -> bytes:
    """Return a file, or stdin for `-`; no more than tells that it is too large."""
    from queuectl_core.option_checks import MAX_INPUT_BYTES  # noqa: PLC0415 - json, signal: 9 ms

    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        with open(path, "rb") as file:
            data = file.read(MAX_INPUT_BYTES + 1)
            size = max(len(data), os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise NoInput(
            f"{option} {path} can't be read: {error.strerror}", hint="give a file, or - for stdin"
        ) from error
    if size > MAX_INPUT_BYTES:
        raise BadData(
            f"{path} has {size:,} bytes; the queue keeps up to {MAX_INPUT_BYTES:,}",
            hint="let the job read the file: queuectl enqueue 'CMD < FILE'",
        )
    return data
