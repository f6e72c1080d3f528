"""What a job is, from the wish of a user to the row in the queue.

Pure: the checks here judge values and touch nothing.
"""

from __future__ import annotations

from queuectl_core.errors import BadData
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.flow import Flow
    from queuectl_core.lifecycle import State
    from queuectl_core.options import JobOptions

DEFAULT_QUEUE = "default"
HOOKS_QUEUE = ".hooks"
"""Where the runs of hooks are. A verb that is about many jobs means it only when it is named, as
`ls` does with a file that begins with a dot."""
DEFAULT_PRIORITY = 5
LOWEST_PRIORITY, HIGHEST_PRIORITY = 1, 10
MAX_RETRIES = 1000
MAX_TIMEOUT_MS = 366 * 24 * 3600 * 1000
MAX_WORD_BYTES = 131_071
"""The kernel's MAX_ARG_STRLEN less its NUL: one word of execve(2), so also one line for `sh -c`."""
MAX_ARGV_BYTES = 1_048_576
"""Half of the usual ARG_MAX of 2 MiB: the environment shares it."""
ON_CRASH = ("retry", "fail", "hold")
"""What may follow when a job's worker dies while it runs: run it again, bury it, keep it for a
person (retry.after_crash)."""
SUSPECT_CRASHES = 2
"""A job that was there at so many deaths of a worker is suspected of them
(docs/design/0011-who-is-to-blame.md)."""
CONFLICTS = ("error", "skip", "replace")
"""What may follow when the text id of a new job exists."""
ID_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
MAX_ID_LENGTH = 128
MAX_NUMBER_DIGITS = 18
MAX_TAGS = 32


def name_of(number: int, job_id: str | None) -> str:
    """Return what people call a job: its text id, else its number."""
    return str(number) if job_id is None else job_id


def number_in(digits: str) -> int | None:
    """Return the number of a job that digits say; None where they say none."""
    countable = digits.isascii() and digits.isdigit() and len(digits) <= MAX_NUMBER_DIGITS
    return int(digits) if countable else None


class NewJob(Record):
    """A job as a user asks for it, checked. Exactly one of `command` and `argv` is given."""

    command: str | None
    argv: tuple[str, ...] | None
    max_retries: int
    id: str | None = None
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    run_at_ms: int | None = None  # None: now
    timeout_ms: int | None = None  # None: the setting job-timeout at the time of the run; 0: none
    backoff: str | None = None  # None: the settings backoff-base and backoff-cap
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    on_crash: str = ON_CRASH[0]
    options: JobOptions | None = None  # None: none of them, as most jobs
    tags: tuple[str, ...] = ()
    flow: Flow | None = None  # None: it waits for nothing but its time


class Enqueued(Record):
    """What became of one new job. `created` is False where its id or key existed and was skipped.

    `waits` is the reason why it waits besides its time, or `cancelled`; None: there is none.
    """

    number: int
    id: str | None
    created: bool
    run_at_ms: int
    waits: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return name_of(self.number, self.id)


class Job(Record):
    """A job as the queue keeps it. Moments are epoch milliseconds, spans milliseconds.

    `attempts` are the starts that count against `max_retries`; `starts` are all of them and never
    goes back. `blocked` holds bits of flow.py, None for a job that may be claimed when it is due;
    `after` the numbers and conditions that flow.read reads. `schedule` made it for its time
    `scheduled_at_ms`.
    """

    number: int
    id: str | None
    queue: str
    state: State
    reason: str | None
    priority: int
    run_at_ms: int
    attempts: int
    starts: int
    crashes: int
    max_retries: int
    command: str | None
    argv: tuple[str, ...] | None
    cwd: str | None
    env: Mapping[str, str] | None
    timeout_ms: int | None
    backoff: str | None
    on_crash: str
    tags: tuple[str, ...]
    created_at_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    worker: int | None
    token: int | None
    cancel_requested: bool
    exit_code: int | None
    signal: int | None
    error: str | None
    duration_ms: int | None
    cpu_ms: int | None
    max_rss_bytes: int | None
    options: JobOptions | None
    blocked: int | None
    after: str | None
    unique_key: str | None
    unique_scope: str | None
    mutex: str | None
    mutex_slots: int | None
    expires_at_ms: int | None
    schedule: str | None
    scheduled_at_ms: int | None

    @property
    def name(self) -> str:
        """What people call it."""
        return name_of(self.number, self.id)

    @property
    def suspect(self) -> bool:
        """Whether one more death of its worker makes it poison; no two such jobs run at a time."""
        return self.crashes >= SUSPECT_CRASHES


def check_id(value: object) -> str:
    """Return a text id that can stand in a command line, a URL and a log; BadData otherwise."""
    if not isinstance(value, str):
        raise BadData(f"id must be text, not {shown(value)}", hint='write it in quotes: "id": "17"')
    return check_name("id", value)


def check_queue(value: object) -> str:
    """Return a queue name: the same letters as an id."""
    if not isinstance(value, str):
        raise BadData(f"queue must be text, not {shown(value)}")
    return check_name("queue", value)


def check_queue_to_fill(value: object) -> str:
    """Return the name of a queue that people may put jobs into: any but that of hooks."""
    name = check_queue(value)
    if name == HOOKS_QUEUE:
        raise BadData(
            f"queue {HOOKS_QUEUE} is for hooks alone",
            hint="queuectl help hook add; or another queue",
        )
    return name


def check_priority(value: object) -> int:
    """Return a priority from 1 to 10, 10 the most urgent."""
    if type(value) is not int or not LOWEST_PRIORITY <= value <= HIGHEST_PRIORITY:
        raise BadData(
            f"priority must be a whole number from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY},"
            f" not {shown(value)}",
            hint=f"{HIGHEST_PRIORITY} runs first, {DEFAULT_PRIORITY} is the default",
        )
    return value


def check_retries(value: object) -> int:
    """Return how many attempts a job has in all; 0 and 1 both mean a single one."""
    if type(value) is not int or not 0 <= value <= MAX_RETRIES:
        raise BadData(
            f"max_retries must be a whole number from 0 to {MAX_RETRIES}, not {shown(value)}",
            hint="it is the number of attempts; the default is the setting max-retries",
        )
    return value


def check_timeout_ms(value: int) -> int:
    """Return a timeout in milliseconds, up to a year; 0 means none."""
    if not 0 <= value <= MAX_TIMEOUT_MS:
        raise BadData(f"timeout must be from 0 to a year, not {value / 1000:g} seconds")
    return value


def check_command(value: object) -> str:
    """Return a shell line that the kernel will take, or BadData with the limit."""
    if not isinstance(value, str):
        raise BadData(f"command must be text, not {shown(value)}")
    if not value.strip():
        raise BadData("command is empty", hint="queuectl enqueue -- CMD ARGS...")
    return _word("command", value)


def check_argv(value: object) -> tuple[str, ...]:
    """Return the words of a command that runs without a shell."""
    if not isinstance(value, (list, tuple)) or not value:
        raise BadData(f"argv must be a list of words, not {shown(value)}")
    words = tuple(_word("argv", word) for word in value)
    if not words[0]:
        raise BadData("argv starts with an empty word", hint="the first word is the program to run")
    total = sum(len(word.encode()) + 1 for word in words)
    if total > MAX_ARGV_BYTES:
        raise BadData(f"argv has {total:,} bytes; the limit is {MAX_ARGV_BYTES:,}", hint=_LONG_HINT)
    return words


def check_cwd(value: object) -> str:
    """Return an absolute directory name; whether it exists matters only when the job starts."""
    if not isinstance(value, str) or not value.startswith("/"):
        raise BadData(f"cwd must be an absolute path, not {shown(value)}")
    return _word("cwd", value)


def check_env(value: object) -> dict[str, str]:
    """Return variables to add to the job's environment: names without "=", values text."""
    if not isinstance(value, dict):
        raise BadData(f"env must be an object of names and texts, not {shown(value)}")
    for name, text in value.items():
        if not isinstance(name, str) or not name or "=" in name:
            raise BadData(f"env has the name {shown(name)}", hint="write NAME=VALUE")
        _word(f"env {name}", name)
        _word(f"env {name}", text)
    return value


def check_tags(value: object) -> tuple[str, ...]:
    """Return the tags, each once: names as an id is one, at most MAX_TAGS."""
    if not isinstance(value, (list, tuple)):
        raise BadData(
            f"tags must be a list of names, not {shown(value)}", hint='as in "tags": ["nightly"]'
        )
    if len(value) > MAX_TAGS:
        raise BadData(f"tags has {len(value)} names; the limit is {MAX_TAGS}")
    return tuple(dict.fromkeys(check_tag(tag) for tag in value))


def check_tag(value: object) -> str:
    """Return a tag: the same letters as an id."""
    if not isinstance(value, str):
        raise BadData(f"a tag must be text, not {shown(value)}")
    return check_name("tag", value)


def check_on_crash(value: object) -> str:
    """Return one of ON_CRASH; BadData with the nearest one otherwise."""
    if isinstance(value, str) and value in ON_CRASH:
        return value
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only

    close = get_close_matches(value.lower(), ON_CRASH, n=1) if isinstance(value, str) else []
    raise BadData(
        f"on_crash must be {', '.join(ON_CRASH[:-1])} or {ON_CRASH[-1]}, not {shown(value)}",
        hint=f'did you mean "{close[0]}"?' if close else "retry is the default",
    )


_LONG_HINT = "put the script into a file and enqueue the file"


def is_encodable(text: str) -> bool:
    """Tell text from the bytes of a command line that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_name(what: str, value: str) -> str:
    """Return a name that can stand in a command line, a URL and a log; BadData otherwise."""
    if not value or len(value) > MAX_ID_LENGTH or not ID_LETTERS.issuperset(value):
        raise BadData(
            f"{what} {shown(value)} is not a name",
            hint=f"use 1 to {MAX_ID_LENGTH} of A-Z a-z 0-9 . _ : -",
        )
    return value


def _word(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadData(f"{what} must be text, not {shown(value)}")
    if "\0" in value:
        raise BadData(
            f"{what} has a NUL at position {value.index(chr(0)) + 1}",
            hint="no command can take one",
        )
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError as error:
        raise BadData(
            f"{what} is not valid UTF-8 at position {error.start + 1}",
            hint="re-encode it, or put the bytes into a file and enqueue the file",
        ) from error
    if size > MAX_WORD_BYTES:
        raise BadData(
            f"{what} has {size:,} bytes; the kernel takes {MAX_WORD_BYTES:,}", hint=_LONG_HINT
        )
    return value


def shown(value: object, limit: int = 60) -> str:
    """Quote a value for a message, shortened to about `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= limit else text[:limit] + "..."
    return f'"{text}"' if isinstance(value, str) else text
