"""Tells all that is wrong with the settings, of the file with the line."""

from __future__ import annotations

import re

from queuectl_core import config
from queuectl_core.errors import BadConfig, QueuectlError
from queuectl_core.home import access_error
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from queuectl_core.home import Home


class Problem(Record):
    """Something wrong: `source` is a file or a variable, `line` counts from 1, None for no file."""

    source: str
    line: int | None
    message: str
    hint: str


def problems(home: Home, environ: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong in config.json and in the environment, in that order."""
    return [*_of_file(home.config_path), *_of_environment(environ)]


def _of_file(path: str) -> Iterator[Problem]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        yield Problem(path, 1, f"not valid UTF-8 at byte {error.start}", "write it anew as UTF-8")
        return
    except OSError as error:
        raise access_error(error, path) from error
    yield from _of_text(path, text)


def _of_text(path: str, text: str) -> Iterator[Problem]:
    import json  # noqa: PLC0415 - as config.parse_file

    pairs: list[tuple[str, object]] = []

    def keep(found: list[tuple[str, object]]) -> dict[str, object]:
        pairs[:] = found  # the outermost object ends last
        return dict(found)

    try:
        value = json.loads(text, object_pairs_hook=keep) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        reason = getattr(error, "msg", str(error))
        yield Problem(path, line, f"not valid JSON: {reason}", "repair that line")
        return
    if not isinstance(value, dict):
        yield Problem(path, 1, "the file must hold one JSON object", 'as in {"max_retries": 5}')
        return
    seen: set[str] = set()
    for key, one in pairs if value else []:
        yield from _of_pair(path, _line(text, key, again=key.replace("_", "-") in seen), key, one)
        if key.replace("_", "-") in seen:
            yield Problem(path, _line(text, key, again=True), f"{key} comes twice", "remove one")
        seen.add(key.replace("_", "-"))


def _of_pair(path: str, line: int, key: str, value: object) -> Iterator[Problem]:
    import json  # noqa: PLC0415 - as config.parse_file

    try:
        config.parse_file(json.dumps({key: value}), path)
    except BadConfig as error:
        yield Problem(path, line, str(error).removeprefix(f"{path}: "), error.hint)


def _line(text: str, key: str, *, again: bool) -> int:
    """Return the line in which a key stands, the last time or the first."""
    places = [found.start() for found in re.finditer(rf'"{re.escape(key)}"\s*:', text)]
    place = (places[-1] if again else places[0]) if places else 0
    return text.count("\n", 0, place) + 1


def _of_environment(environ: Mapping[str, str]) -> Iterator[Problem]:
    for setting in config.TABLE:
        if setting.variable not in environ:
            continue
        try:
            config.parse_text(setting, environ[setting.variable], setting.variable)
        except QueuectlError as error:
            message = str(error).removeprefix(f"{setting.variable}: ")
            yield Problem(setting.variable, None, message, error.hint)
