"""The verbs and what each is for; their usage texts, which docopt reads, stand beside: usage_*.py.

Constants and not docstrings: the executable is frozen without those.
"""

from __future__ import annotations

from queuectl_core.cli import (
    usage_changes,
    usage_database,
    usage_help,
    usage_hooks,
    usage_jobs,
    usage_look,
    usage_queue,
    usage_queues,
    usage_schedule,
    usage_service,
    usage_upkeep,
    usage_web,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VERBS: Mapping[str, str] = {
    "enqueue": "add a job, or many",
    "run": "run a job here and now, with history, retries and its exit code",
    "list": "list jobs, the newest first",
    "show": "show all about a job, with its attempts",
    "why": "say what a job waits for, or how it ended",
    "logs": "print what a job wrote",
    "wait": "wait until jobs have ended",
    "cancel": "cancel jobs that wait or run",
    "retry": "run failed or finished jobs again",
    "edit": "change jobs that wait",
    "rm": "remove jobs that have ended",
    "prune": "forget old finished jobs",
    "pause": "let no job of a queue start",
    "resume": "let jobs of a paused queue start again",
    "hold": "hold back jobs that wait",
    "queue list": "list the queues, their limits, and what holds them up",
    "queue set": "limit how many jobs of a queue run, start and wait",
    "queue pause": "let no job of a queue start",
    "queue resume": "let jobs of a queue start and come in again",
    "queue drain": "let no job into a queue, and wait until it is empty",
    "release": "let held jobs go",
    "status": "count the jobs by state",
    "metrics": "sum up what happened",
    "top": "watch the queue live",
    "schedule add": "add a job that comes again and again",
    "schedule edit": "change a schedule",
    "schedule list": "list the schedules",
    "schedule show": "show all about a schedule, with its last results",
    "schedule next": "tell when schedules come due, with what the clocks do to it",
    "schedule run": "make a job of a schedule now",
    "schedule pause": "let a schedule make no jobs",
    "schedule resume": "let it make jobs again",
    "schedule rm": "remove a schedule",
    "schedule check": "tell what is not well with schedules",
    "schedule export": "print schedules, to import them elsewhere",
    "schedule import": "add the schedules of an export, or the lines of a crontab",
    "worker start": "run jobs, in the foreground",
    "worker stop": "let the workers finish and stop",
    "worker health": "tell how the workers do",
    "worker list": "list the workers",
    "dlq list": "list the dead letters: jobs that failed for good",
    "dlq show": "show dead letters with their attempts",
    "dlq retry": "run dead letters again, attempts from zero",
    "dlq purge": "remove dead letters",
    "hook add": "run a command when something happened",
    "hook list": "list the hooks and how they do",
    "hook show": "show all about a hook",
    "hook rm": "remove hooks",
    "hook pause": "let hooks hear nothing",
    "hook resume": "let paused hooks hear again",
    "hook test": "try a hook with an event that did not happen",
    "config get": "print the settings in force, or one of them",
    "config set": "change a setting",
    "config unset": "give a setting its default back",
    "config path": "print where the settings are kept",
    "config check": "tell what is wrong with the settings",
    "service print": "print a systemd unit for the worker",
    "service install": "write that unit",
    "service uninstall": "remove that unit",
    "export": "print jobs with their states, to import them elsewhere",
    "import": "add the jobs of an export",
    "db upgrade": "bring the queue file to this version's schema",
    "db check": "read all of the queue file and check it",
    "db vacuum": "give back the room of what was forgotten",
    "backup": "copy the queue to a file, while everybody goes on",
    "restore": "put a backup in the place of the queue",
    "doctor": "examine the queue and its surroundings",
    "up": "run jobs and serve the dashboard",
    "web": "serve the dashboard",
    "web token add": "let somebody use the dashboard",
    "web token list": "list who may",
    "web token rm": "take that back",
    "completion": "print a script that lets your shell complete",
    "help": "explain a verb or a topic",
    "version": "print the version, and those of all that is built in",
}
GROUPS = tuple(
    word
    for word in dict.fromkeys(verb.partition(" ")[0] for verb in VERBS if " " in verb)
    if word not in VERBS
)
"""First words of verbs that have several, and are none themselves."""

GLOBAL_OPTIONS = """
Global options:
  --home DIR     keep everything in DIR, not in ~/.queuectl
  --db PATH      use this queue file
  --json         print one JSON object per line
  --no-color     no colours
  --no-input     never ask; what would ask fails instead
  -q, --quiet    say less; enqueue prints the id only
  -h, --help     print this
"""

TOP = f"""\
QueueCTL: a background job queue in one executable.

Usage:
  queuectl [options] <verb> [<args>...]
{GLOBAL_OPTIONS}"""

TEXTS: Mapping[str, str] = {
    **usage_jobs.TEXTS,
    **usage_look.TEXTS,
    **usage_changes.TEXTS,
    **usage_queue.TEXTS,
    **usage_queues.TEXTS,
    **usage_schedule.TEXTS,
    **usage_service.TEXTS,
    **usage_upkeep.TEXTS,
    **usage_database.TEXTS,
    **usage_help.TEXTS,
    **usage_web.TEXTS,
    **usage_hooks.TEXTS,
}


def text(verb: str) -> str:
    """Return the usage text of a verb, the global options under it."""
    return TEXTS[verb] + GLOBAL_OPTIONS


def synopsis(usage_text: str) -> str:
    """Return the one line that shows how a verb is called."""
    return forms(usage_text)[0]


def forms(usage_text: str) -> list[str]:
    """Return all ways in which a verb is called; a long one goes on in the next line."""
    block = usage_text.partition("Usage:\n")[2].partition("\n\n")[0]
    return " ".join(block.split()).replace(" queuectl ", "\nqueuectl ").splitlines()


def verbs_of(group: str) -> list[str]:
    """Return the second words of a group's verbs."""
    return [verb.partition(" ")[2] for verb in VERBS if verb.startswith(f"{group} ")]
