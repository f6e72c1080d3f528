"""Settings, from ONE table: key, default, bounds, help. Pure: reading the file is home.py's work.

A flag beats the environment, the environment beats the file, the file beats the default. The table
also makes `config get`, the names of the environment variables and the page docs/configuration.md.
"""

from __future__ import annotations

from queuectl_core.errors import BadConfig, BadData
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = int | float | str


class Setting(Record):
    """One setting. `low` and `high` bound numbers, both ends allowed.

    On a command line and in the environment a span may be written as one: 10m for 600 seconds.
    """

    key: str
    default: Value
    low: float
    high: float
    help: str
    unit_ms: int = 0  # of a setting that is a span; 0: it is none

    @property
    def field(self) -> str:
        """Return its name in config.json and in Settings."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        """Return its environment variable."""
        return f"QUEUECTL_{self.field.upper()}"


SECOND_MS, DAY_MS = 1000, 86_400_000
YEAR_S = 366 * 24 * 3600
DAYS = 36_600
"""A hundred years: the longest time that anything is kept for, unless it is for ever."""
TABLE = (
    Setting("max-retries", 3, 0, 1000, "attempts a job has in all, unless it says otherwise"),
    Setting("backoff-base", 2.0, 1, 100, "a failed job waits base^(attempt-1) seconds"),
    Setting("backoff-cap", 3600.0, 0, YEAR_S, "longest wait before a retry, in seconds", SECOND_MS),
    Setting("backoff-jitter", 0.0, 0, 1, "share of the wait that chance may take away"),
    Setting("job-timeout", 300.0, 0, YEAR_S, "seconds a job may run; 0: no limit", SECOND_MS),
    Setting("kill-grace", 5.0, 0, 3600, "seconds between TERM and KILL", SECOND_MS),
    Setting(
        "stop-timeout",
        30.0,
        0,
        YEAR_S,
        "seconds a stopping worker waits for running jobs",
        SECOND_MS,
    ),
    Setting(
        "output-limit",
        1_048_576,
        0,
        1 << 40,
        "bytes of output kept per attempt: first and last half",
    ),
    Setting(
        "keep-finished-days",
        30.0,
        0,
        DAYS,
        "days that completed and cancelled jobs are kept; 0: no limit by age",
        DAY_MS,
    ),
    Setting(
        "keep-finished-count",
        100_000,
        0,
        1 << 40,
        "completed and cancelled jobs that are kept, the newest; 0: no limit by number",
    ),
    Setting(
        "keep-output-days", 7.0, 0, DAYS, "days that output is kept; 0: no limit by age", DAY_MS
    ),
    Setting(
        "keep-output-bytes",
        1 << 30,
        0,
        1 << 50,
        "bytes of output kept of all jobs together; 0: no limit by size",
    ),
    Setting("db-path", "", 0, 0, "the queue file; empty: queue.db in the home"),
    Setting(
        "worker-poll-interval",
        1.0,
        0.05,
        3600,
        "seconds between looks when nothing wakes a worker",
        SECOND_MS,
    ),
    Setting("naive-time", "local", 0, 0, "zone of times without an offset: local or utc"),
)
BY_KEY: Mapping[str, Setting] = {setting.key: setting for setting in TABLE}


class Settings(Record):
    """What is in force. Field by field the table's rows."""

    max_retries: int
    backoff_base: float
    backoff_cap: float
    backoff_jitter: float
    job_timeout: float
    kill_grace: float
    stop_timeout: float
    output_limit: int
    keep_finished_days: float
    keep_finished_count: int
    keep_output_days: float
    keep_output_bytes: int
    db_path: str
    worker_poll_interval: float
    naive_time: str


def find(key: str) -> Setting:
    """Return the setting of that name, hyphens or underscores.

    BadConfig with the nearest name otherwise.
    """
    setting = BY_KEY.get(key.replace("_", "-"))
    if setting is None:
        raise BadConfig(f'there is no setting "{key[:60]}"', hint=_nearest(key))
    return setting


def _nearest(key: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 8 ms, for a typo only

    close = get_close_matches(key.replace("_", "-"), BY_KEY, n=1)
    return f"did you mean {close[0]}?" if close else "queuectl config get lists them all"


def parse_file(text: str, path: str) -> dict[str, Value]:
    """Return the settings that a config.json holds, by field.

    BadConfig names the line or the key.
    """
    import json  # noqa: PLC0415 - 4 ms of a cold start, and most homes have no file

    try:
        values = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise BadConfig(
            f"{path}, line {line}: not valid JSON ({getattr(error, 'msg', error)})",
            hint="repair that line, or move the file away to get the defaults",
        ) from error
    if not isinstance(values, dict):
        raise BadConfig(f"{path}: the file must hold one JSON object")
    return {find(key).field: _checked(find(key), value, path) for key, value in values.items()}


def parse_text(setting: Setting, text: str, source: str) -> Value:
    """Return the value that `text` gives a setting, from a command line or the environment."""
    kind = type(setting.default)
    try:
        value = kind(text) if text.isascii() or kind is str else None
    except ValueError:
        value = _span(setting, text) if setting.unit_ms else None
    return _checked(setting, text if value is None else value, source)


def _span(setting: Setting, text: str) -> float | None:
    """Return how many units of the setting a span such as 10m has, None where it is no span."""
    from queuectl_core.durations import parse_duration_ms  # noqa: PLC0415 - datetime: 8 ms

    try:
        return parse_duration_ms(text) / setting.unit_ms
    except BadData:
        return None


def _checked(setting: Setting, value: object, source: str) -> Value:
    if isinstance(setting.default, str):
        return _checked_text(setting, value, source)
    whole = isinstance(setting.default, int)
    if (
        isinstance(value, int if whole else (int, float))
        and not isinstance(value, bool)
        and setting.low <= value <= setting.high
    ):
        return value if whole else float(value)
    kind = "a whole number" if whole else "a number"
    raise BadConfig(
        f"{source}: {setting.key} must be {kind} from {setting.low:,} to {setting.high:,},"
        f" not {value!r}",
        hint=setting.help,
    )


def _checked_text(setting: Setting, value: object, source: str) -> str:
    if not isinstance(value, str) or "\0" in value or not _encodable(value):
        raise BadConfig(f"{source}: {setting.key} must be text, not {value!r}")
    if setting.field == "naive_time" and value not in {"local", "utc"}:
        raise BadConfig(f"{source}: {setting.key} must be local or utc, not {value!r}")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of the command line that are not UTF-8
        return False
    return True


def resolve(
    file: Mapping[str, Value], environ: Mapping[str, str], flags: Mapping[str, Value]
) -> Settings:
    """Return what is in force: flag, else environment, else file, else default."""
    values: dict[str, Value] = {setting.field: setting.default for setting in TABLE} | dict(file)
    for setting in TABLE:
        text = environ.get(setting.variable)
        if text is not None:
            values[setting.field] = parse_text(setting, text, setting.variable)
    return Settings(**(values | dict(flags)))  # type: ignore[arg-type]
