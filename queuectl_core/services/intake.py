"""Jobs as people write them, JSON objects or fields, made into checked NewJobs.

Pure but for the caller's time zone. On the path of a cold `enqueue`: it imports nothing that a
job without a time does not need.
"""

from __future__ import annotations

from _json import make_scanner

from queuectl_core import job as checks
from queuectl_core.errors import BadData
from queuectl_core.job import NewJob
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from json import JSONDecodeError

    from queuectl_core.durations import Naive
    from queuectl_core.flow import Flow
    from queuectl_core.options import JobOptions

    Fields = Mapping[str, object]

INPUT_FIELDS = (
    "id", "queue", "command", "argv", "priority", "max_retries", "run_at", "timeout", "backoff",
    "cwd", "env", "on_crash", "tags", "after", "unique", "mutex", "expires_at", "hold",
)  # fmt: skip
OPTION_FIELDS = (
    "jitter", "retry_on", "no_retry_on", "ok_codes", "kill_after", "verify", "nice",
    "allow_background", "input", "input_base64",
)  # fmt: skip
"""What few jobs have: options.FIELDS, named here since a cold start has no time for that module."""
QUEUE_FIELDS = (
    "number", "state", "reason", "attempts", "created_at", "started_at", "finished_at",
    "exit_code", "signal", "error", "duration", "worker", "cpu", "max_rss", "history",
    "schedule", "scheduled_at",
)  # fmt: skip
"""What only the queue sets: ignored on input, so that a listing can be enqueued again."""
_KNOWN = frozenset(INPUT_FIELDS + OPTION_FIELDS + QUEUE_FIELDS)
_OPTIONAL = frozenset(OPTION_FIELDS)
FLOW_FIELDS = frozenset({"after", "unique", "mutex", "expires_at", "hold"})
_EXCERPT_CHARACTERS = 24
_BLANKS = " \t\n\r"
_MAX_TIMEOUT_S = checks.MAX_TIMEOUT_MS // 1000


class Defaults(Record):
    """What a job gets that does not say it itself. `cwd` None: the worker's own choice."""

    max_retries: int
    now_ms: int
    cwd: str | None = None
    naive: Naive = "local"


def is_json(word: str) -> bool:
    """Tell whether one word is JSON and not a shell line.

    `{` opens JSON always, `[` unless it is the shell's test: `[ -f x ]`, `[[ -f x ]]`.
    """
    text = word.lstrip()
    inside = text[1:]
    if text.startswith("{"):
        return bool(inside)
    test = inside[:1] in {"", " ", "["} and not inside.lstrip().startswith("{")
    return text.startswith("[") and not test


def read_objects(text: str) -> list[dict[str, object]]:
    """Return the objects of one JSON text: one object, or a list of them.

    Raises BadData with line, column and an excerpt where it is broken, and for a repeated key.
    """
    value = _read(text)
    items = value if isinstance(value, list) else [value]
    objects = [item for item in items if isinstance(item, dict)]
    if not objects or len(objects) < len(items):
        raise BadData(
            f"a job must be a JSON object, not {checks.shown(value)}",
            hint="""write it so: '{"command": "echo hello"}'""",
        )
    return objects


def new_jobs(objects: Iterable[Fields], defaults: Defaults) -> list[NewJob]:
    """Return the checked jobs that `objects` ask for; BadData when one of them is wrong."""
    return [new_job(fields, defaults) for fields in objects]


def new_job(fields: Fields, defaults: Defaults) -> NewJob:
    """Return the checked job that `fields` ask for; None as a value counts as not given.

    `argv` wins over `command`. Raises BadData for a wrong value and for an unknown name.
    """
    if not _KNOWN.issuperset(fields):
        raise _unknown(next(name for name in fields if name not in _KNOWN))
    get = fields.get
    command, argv = _command(get("command"), get("argv"))
    job_id, priority, retries = _text_id(fields), get("priority"), get("max_retries")
    queue, backoff, cwd, env = get("queue"), get("backoff"), get("cwd"), get("env")
    on_crash, tags, run_at_ms = get("on_crash"), get("tags"), _moment_ms(get("run_at"), defaults)
    return NewJob(
        command,
        argv,
        defaults.max_retries if retries is None else checks.check_retries(retries),
        None if job_id is None else checks.check_id(job_id),
        checks.DEFAULT_QUEUE if queue is None else checks.check_queue_to_fill(queue),
        checks.DEFAULT_PRIORITY if priority is None else checks.check_priority(priority),
        run_at_ms,
        _timeout_ms(get("timeout")),
        None if backoff is None else _backoff(backoff),
        defaults.cwd if cwd is None else checks.check_cwd(cwd),
        None if not env else checks.check_env(env),
        checks.ON_CRASH[0] if on_crash is None else checks.check_on_crash(on_crash),
        None if _OPTIONAL.isdisjoint(fields) else _options(fields),
        () if tags is None else checks.check_tags(tags),
        None if FLOW_FIELDS.isdisjoint(fields) else _flow(fields, run_at_ms, defaults),
    )


def _flow(fields: Fields, run_at_ms: int | None, defaults: Defaults) -> Flow | None:
    from queuectl_core.services import wishes  # noqa: PLC0415 - re, datetime: 12 ms

    return wishes.flow(fields, run_at_ms, now_ms=defaults.now_ms, naive=defaults.naive)


def _read(text: str) -> object:
    """Return the value of a JSON text: by the scanner alone, or with care where that fails."""
    try:
        value, end = SCANNER(text, 0)
    except (ValueError, StopIteration, RecursionError, SystemError):
        # SystemError: the scanner looks for json's exception, and json is not there yet
        return _read_slowly(text)
    return _read_slowly(text) if text[end:].strip(_BLANKS) else value


def _read_slowly(text: str) -> object:
    """Return the value, or raise BadData that says where the text is wrong."""
    import json  # noqa: PLC0415 - re: 5 ms

    decoder = json.JSONDecoder(object_pairs_hook=_no_repeats, parse_constant=_no_constants)
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error) from error
    except RecursionError as error:
        raise BadData("not valid JSON: nested too deeply") from error
    except ValueError as error:
        raise BadData("not valid JSON: a number has too many digits") from error


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadData(
            f"the key {checks.shown(twice)} comes twice",
            hint="which one is meant? remove the other",
        )
    return fields


def _no_constants(name: str) -> object:
    raise BadData(
        f"not valid JSON: {name} is not a number", hint="leave the field out, or write null"
    )


class Rules:
    """How the scanner reads: what json.JSONDecoder hands it too."""

    strict = True
    object_hook = None
    object_pairs_hook = staticmethod(_no_repeats)
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constants)
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own, which empties it after each text


# The package json is 5 ms of each cold `enqueue`, nearly all of it `re`, which only its messages
# need: `python -X importtime -c 'import json'`. Its scanner is C and needs none of that.
SCANNER = make_scanner(Rules)  # type: ignore[arg-type] # typeshed takes context for itself


def _syntax_error(text: str, error: JSONDecodeError) -> BadData:
    """Return the error that shows the place: a window of the line with >< where it went wrong."""
    start = max(0, error.pos - _EXCERPT_CHARACTERS)
    before = text[start : error.pos].rpartition("\n")[2]
    after = text[error.pos : error.pos + _EXCERPT_CHARACTERS].partition("\n")[0]
    place = f"line {error.lineno}, column {error.colno} (character {error.pos + 1})"
    return BadData(
        f"not valid JSON at {place}: {error.msg}",
        hint=f"here, between > and <: {before} >< {after}" + _quotes(text),
    )


def _quotes(text: str) -> str:
    """Tell of the usual reason: the shell took the quotes away, or it is no JSON at all."""
    if '"' in text:
        return ""
    quoted = """'{"command": "..."}'"""
    return f"; keep the shell's hands off: {quoted}, or put -- before a shell line"


def _unknown(name: str) -> BadData:
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    names = INPUT_FIELDS + OPTION_FIELDS
    close = get_close_matches(name, names, n=1)
    known = "the fields are " + ", ".join(names)
    return BadData(
        f"a job has no field {checks.shown(name)}",
        hint=f'did you mean "{close[0]}"?' if close else known,
    )


def _text_id(fields: Fields) -> object:
    """Return the text id; a record of a job without one repeats its `number` there."""
    job_id = fields.get("id")
    if job_id is not None and "number" in fields and job_id == str(fields["number"]):
        return None
    return job_id


def _command(command: object, argv: object) -> tuple[str | None, tuple[str, ...] | None]:
    if argv is not None:
        return None, checks.check_argv(argv)
    if command is None:
        raise BadData("the job has no command", hint='give the field "command" or "argv"')
    return checks.check_command(command), None


def _moment_ms(value: object, defaults: Defaults) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadData(
            f"run_at must be a time as text, not {checks.shown(value)}",
            hint='for seconds since 1970 write "@1700000000"',
        )
    from queuectl_core.durations import parse_moment_ms  # noqa: PLC0415 - re, datetime: 12 ms

    try:
        return parse_moment_ms(value, now_ms=defaults.now_ms, naive=defaults.naive)
    except BadData as error:
        raise BadData(f"run_at: {error}", hint=error.hint) from error


def _timeout_ms(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        from queuectl_core.durations import parse_duration_ms  # noqa: PLC0415 - re, datetime: 12 ms

        try:
            return checks.check_timeout_ms(parse_duration_ms(value))
        except BadData as error:
            raise BadData(f"timeout: {error}", hint=error.hint) from error
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not 0 <= value <= _MAX_TIMEOUT_S:  # type: ignore[operator]
        raise BadData(
            f"timeout must be seconds from 0 to a year or a text as 10m, not {checks.shown(value)}",
            hint="0 means none",
        )
    return int(-(-value * 1000 // 1))  # type: ignore[operator]


def _backoff(value: object) -> str:
    if not isinstance(value, str):
        raise BadData(f"backoff must be text, not {checks.shown(value)}", hint='as in "exp:2"')
    from queuectl_core.retry import RetryPolicy, parse_backoff  # noqa: PLC0415 - few jobs have one

    parse_backoff(value, RetryPolicy())
    return value


def _options(fields: Fields) -> JobOptions | None:
    from queuectl_core.option_checks import from_fields  # noqa: PLC0415 - json, signal: 9 ms

    return from_fields(fields)
