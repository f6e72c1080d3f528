"""Lines of a crontab made into the fields of schedules, with what would surprise who moves them.

Pure. What cron does with a line: crontab(5) of Debian and of cronie.
"""

from __future__ import annotations

import re

from queuectl_core import cron
from queuectl_core.errors import BadData
from queuectl_core.job import ID_LETTERS, MAX_ID_LENGTH
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CRON_PATH = "/usr/bin:/bin"
SYSTEM_FILES = ("/etc/crontab", "/etc/cron.d/")
_VARIABLE = re.compile(r"""\s*(["']?)([A-Za-z_][A-Za-z0-9_]*)\1\s*=\s*(.*?)\s*""")
_THROWN_AWAY = re.compile(r"(?:&>|>&|>>?)\s*/dev/null")
_SHORT_MS = 3_600_000
_FIELDS = 5
_OURS = frozenset({"MAILTO", "MAILFROM", "CRON_TZ", "TZ", "SHELL", "HOME", "LOGNAME", "USER"})


class Line(Record):
    """One line that is a job: where it stands, its schedule, and what is to be known about it."""

    number: int
    fields: Mapping[str, object]
    findings: tuple[str, ...]


class Options(Record):
    """How to read a crontab. `user`: who we are; lines of a `system` one name theirs."""

    system: bool
    user: str
    home: str
    zone: str | None = None
    overlap: str = "skip"
    catch_up: str = "none"


def is_system(path: str) -> bool:
    """Tell the crontabs of the system by their place."""
    return path.startswith(SYSTEM_FILES)


class Crontab:
    """Reads one crontab; a variable holds for the lines below it, as in cron."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._variables: dict[str, str] = {}
        self._names: dict[str, int] = {}

    def lines(self, text: str) -> Iterator[Line]:
        """Yield the jobs; BadData with the line's number where one can't be read."""
        for number, line in enumerate(text.splitlines(), start=1):
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            variable = _VARIABLE.fullmatch(line)
            if variable is not None:
                self._variables[variable[2]] = _unquoted(variable[3])
                continue
            try:
                found = self._job(number, stripped)
            except BadData as error:
                raise BadData(f"line {number}: {error}", hint=error.hint) from error
            if found is not None:
                yield found

    def _job(self, number: int, line: str) -> Line | None:
        when, rest = _split(line, 1 if line.startswith("@") else _FIELDS)
        findings: list[str] = []
        if self._options.system:
            user, rest = _split(rest, 1)
            findings += self._of_user(user)
        if not rest:
            raise BadData("there is no command", hint="minute hour day month weekday command")
        if when.lower() == "@reboot":
            raise BadData(
                "@reboot is no time", hint="take the line out; a service starts with the machine"
            )
        cron.parse(when, "UTC", anchor_ms=0)
        command, given = _command(rest)
        findings += [*self._of_command(command, given), *self._of_times(when, command)]
        return Line(number, self._fields(when, command, given), tuple(findings))

    def _fields(self, when: str, command: str, given: str | None) -> dict[str, object]:
        variables = self._variables
        shell = variables.get("SHELL", "/bin/sh")
        plain = shell == "/bin/sh"
        env = {"PATH": CRON_PATH}
        env |= {name: value for name, value in variables.items() if name not in _OURS}
        return {
            "name": self._name(command),
            "when": when,
            "tz": self._options.zone or variables.get("CRON_TZ") or variables.get("TZ"),
            "overlap": self._options.overlap,
            "catch_up": self._options.catch_up,
            "job": {
                "command": command if plain else None,
                "argv": None if plain else [shell, "-c", command],
                "cwd": variables.get("HOME", self._options.home),
                "env": env,
                "input": given,
            },
        }

    def _name(self, command: str) -> str:
        """Return the name of the program, with a number behind it from the second one on."""
        program = _program(command).rpartition("/")[2] or "job"
        letters = "".join(letter if letter in ID_LETTERS else "-" for letter in program)
        name = letters[: MAX_ID_LENGTH - 5]
        self._names[name] = self._names.get(name, 0) + 1
        times = self._names[name]
        return name if times == 1 else f"{name}-{times}"

    # --- findings ---

    def _of_user(self, user: str) -> Iterator[str]:
        if user != self._options.user:
            yield f"cron runs it as {user}, here it runs as the worker's user"

    def _of_command(self, command: str, given: str | None) -> Iterator[str]:
        program = _program(command)
        path = self._variables.get("PATH", CRON_PATH)
        if program and "/" not in program and not _is_found(program, path):
            yield f"{program} is not in the PATH that it has, {path}: write its whole path"
        if given is not None:
            yield "a percent sign: what follows it is the job's input, as in cron"
        if _THROWN_AWAY.search(command):
            yield "its output goes to /dev/null: without that, queuectl logs would have it"
        if self._variables.get("MAILTO"):
            yield (
                f"MAILTO={self._variables['MAILTO']}: nothing is mailed; queuectl logs has the"
                " output, and schedule edit --expect tells of a lack of success"
            )

    def _of_times(self, when: str, command: str) -> Iterator[str]:
        """Tell of what may run twice at once: cron starts it whether or not the last one ended."""
        rule = cron.parse(when, "UTC", anchor_ms=0)
        first = rule.after(0)
        second = None if first is None else rule.after(first.at_ms)
        overlap = self._options.overlap
        if "flock" in command.split():
            yield f"flock is not needed: two never run at once (--overlap {overlap})"
        elif first and second and second.at_ms - first.at_ms <= _SHORT_MS and overlap != "allow":
            yield f"cron starts it while the last one still runs; here: --overlap {overlap}"


def _split(line: str, words: int) -> tuple[str, str]:
    """Split off the first words; the rest keeps its blanks."""
    parts = line.split(None, words)
    rest = parts[words] if len(parts) > words else ""
    return " ".join(parts[:words]), rest.strip()


def _command(rest: str) -> tuple[str, str | None]:
    r"""Return the shell line and its input: what follows the first `%` that is not `\%`."""
    parts = re.split(r"(?<!\\)%", rest)
    words = [part.replace("\\%", "%") for part in parts]
    if len(words) == 1:
        return words[0], None
    return words[0].rstrip(), "\n".join(words[1:]) + "\n"


def _program(command: str) -> str:
    """Return the first word that is no variable, without quotes and signs of the shell."""
    for word in command.split():
        if "=" in word.partition("/")[0]:
            continue
        return word.strip("\"'();&|")
    return ""


_BUILT_IN = frozenset(
    ". : [ [[ test cd echo eval exec exit export for if set source umask ulimit while case until "
    "printf true false { ( !".split()
)
"""First words that the shell knows itself."""


def _is_found(program: str, path: str) -> bool:
    from shutil import which  # noqa: PLC0415 - for an import only

    return program in _BUILT_IN or which(program, path=path) is not None


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
