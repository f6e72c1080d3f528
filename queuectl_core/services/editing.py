"""FIELD=VALUE made into the fields of a job that waits, by the checks of an enqueue."""

from __future__ import annotations

from queuectl_core.errors import BadData
from queuectl_core.job import NewJob
from queuectl_core.services import intake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.services.intake import Defaults, Fields

FIELDS = tuple(
    name
    for name in intake.INPUT_FIELDS
    if name != "id" and {name, f"{name}_ms"} & set(NewJob._fields)
)
_JSON = ("argv", "env")
_NUMBERS = ("priority", "max_retries")


def parse(pairs: Sequence[str], defaults: Defaults) -> dict[str, object]:
    """Return values by fields of NewJob; an empty value gives a field its default back.

    `argv` and `env` are JSON, `tags` names with commas. Raises BadData for a field that can't be
    edited and for a value that `enqueue` would refuse.
    """
    given = dict(_split(pair) for pair in pairs)
    if len(given) < len(pairs):
        raise BadData("a field is set twice", hint="give each field once")
    return checked(given, defaults)


def checked(given: Fields, defaults: Defaults) -> dict[str, object]:
    """Return values by fields of NewJob, of those that `enqueue` takes; None: the default again.

    Raises BadData as `parse` does.
    """
    for name in given:
        _check_name(name)
    if "command" in given and "argv" in given:
        raise BadData("command and argv do not go together", hint="set one of them")
    base = {} if "command" in given else {"command": "true"}
    job = intake.new_job({**base, **given}, defaults)._asdict()
    fields = {_field(name): job[_field(name)] for name in given}
    for name in given:
        if name in {"command", "argv"}:
            fields |= {"command": job["command"], "argv": job["argv"]}
    return fields


def _check_name(name: str) -> None:
    if name not in FIELDS:
        raise BadData(f'"{name[:60]}" can\'t be edited', hint=_nearest(name))


def _split(pair: str) -> tuple[str, object]:
    name, equals, text = pair.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise BadData(f'"{pair[:60]}" has no "="', hint="write FIELD=VALUE: --set priority=9")
    _check_name(name)
    return name, _value(name, text)


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(name, FIELDS, n=1)
    return f"did you mean {close[0]}?" if close else "the fields are " + ", ".join(FIELDS)


def _value(name: str, text: str) -> object:
    """Return what a field's text stands for; the checks of a job judge it."""
    if not text:
        return None
    if name in _JSON:
        return _json(name, text)
    if name == "tags":
        return [tag.strip() for tag in text.split(",")]
    if name in _NUMBERS and text.isascii() and text.lstrip("-").isdigit():
        return int(text)
    return text


def _json(name: str, text: str) -> object:
    from json import loads  # noqa: PLC0415 - 4 ms, for two fields only

    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        example = '["rsync", "-a"]' if name == "argv" else '{"TIER": "gold"}'
        raise BadData(f"{name}: not valid JSON ({error})", hint=f"{name}={example}") from error


def _field(name: str) -> str:
    return name if name in NewJob._fields else f"{name}_ms"
