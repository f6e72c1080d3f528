"""The doctor's checks of hooks: whether their commands are there, and how their runs do."""

from __future__ import annotations

import os

from queuectl_core.job import HOOKS_QUEUE
from queuectl_core.services.checks import warning, well

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.storage.sqlite.examiner import SqliteExaminer
    from queuectl_core.storage.upkeep import HookRow

    Answer = tuple[str, str, str]


def look(examiner: SqliteExaminer, hooks: Sequence[HookRow], environ: Mapping[str, str]) -> Answer:
    """Return the first thing that is wrong with the hooks, of which there are some."""
    path = environ.get("PATH", os.defpath)
    missing = [hook for hook in hooks if not _is_there(hook, path)]
    if missing:
        hook = missing[0]
        return warning(
            f"the command of hook {hook.name} is not found from here: {_program(hook)}",
            f"queuectl hook test {hook.name}; hook add --on-conflict replace mends it",
        )
    dead = [hook for hook in hooks if hook.dead]
    if dead:
        runs, names = sum(hook.dead for hook in dead), ", ".join(hook.name for hook in dead[:5])
        return warning(
            f"runs that are dead: {runs:,}, of hook {names}",
            f"queuectl dlq list --queue {HOOKS_QUEUE}",
        )
    waiting = sum(hook.waiting for hook in hooks)
    if waiting and not examiner.serves_hooks():
        return warning(
            f"runs that wait, and no worker takes them: {waiting:,}",
            f"queuectl worker start, or with --queue {HOOKS_QUEUE} besides",
        )
    return well(f"{len(hooks)} listen")


def _program(hook: HookRow) -> str:
    """Return the program of a command; of a shell line its first word, where that is a path."""
    if hook.program is not None:
        return hook.program
    words = (hook.command or "").split(maxsplit=1)
    first = words[0] if words else ""
    # what else may stand there, builtins and quotes, is the shell's to judge
    return first if first.startswith(("/", "./", "../")) and first.isprintable() else ""


def _is_there(hook: HookRow, path: str) -> bool:
    program = _program(hook)
    if not program or any(letter in program for letter in "$*?`\\\"';|&<>()"):
        return True
    if "/" in program:
        return os.access(os.path.join(hook.cwd or "/", program), os.X_OK)
    return any(os.access(os.path.join(place, program), os.X_OK) for place in path.split(":"))
