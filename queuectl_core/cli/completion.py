"""`queuectl completion SHELL`, and the verb behind it that the scripts call at each TAB.

All that can be completed is read from the usage texts; only jobs, queues and workers are looked up
in the queue. A TAB must never say anything but candidates, and never create a home.
"""

from __future__ import annotations

import os
import shlex

from queuectl_core.cli import anatomy, parse, shells, usage
from queuectl_core.cli import completion_lists as lists
from queuectl_core.cli.completion_lists import Place
from queuectl_core.cli.hints import check_choice
from queuectl_core.cli.output import Output, clean, write
from queuectl_core.cli.session import Session
from queuectl_core.errors import QueuectlError
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command
    from queuectl_core.clock import Clock

    Candidates = Iterator[tuple[str, str]]

FILES, DIRECTORIES, COMMANDS_OF_PATH, NOTHING = ":files", ":directories", ":commands", ":nothing"
"""What the shell completes by itself."""
NEWEST = 200
"""How many jobs a TAB looks at."""
_BREAKS = frozenset("=:")


class Given(Record):
    """An option on the command line; `is_open` while its value is still to come."""

    name: str
    value: str | None
    is_open: bool


class Answer(Record):
    """Candidates, each with a few words about it, and what the shell should do beside."""

    candidates: tuple[tuple[str, str], ...] = ()
    directive: str = NOTHING


def print_script(session: Session, args: Args) -> int:
    """Print the script that teaches a shell to complete."""
    shell = check_choice("the shell", args.text("<shell>") or "", shells.SCRIPTS, "completion")
    if session.out.as_json:
        session.out.record({"shell": shell, "script": shells.SCRIPTS[shell]})
    else:
        session.out.line(shells.SCRIPTS[shell].rstrip("\n"))
    return 0


def complete(argv: Sequence[str], clock: Clock) -> int:
    """Print what could stand at the end of a command line: SHELL, its words, the one being typed.

    Always 0: where something is wrong there is nothing to offer.
    """
    if len(argv) < 2:  # noqa: PLR2004 - the shell and a word
        return 0
    shell, *typed = argv
    words = _joined(typed) if shell == "bash" else typed
    try:
        answer = answer_to(words, clock)
    except (QueuectlError, OSError):
        answer = Answer()
    _print(shell, words[-1], answer)
    return 0


def answer_to(words: Sequence[str], clock: Clock) -> Answer:
    """Return what could stand in the place of the last word."""
    place = _place([_unquoted(word) for word in words])
    given, others = _read(place.verb, place.words)
    if not _is_verb(place.verb) and others:
        return Answer()
    if given and given[-1].is_open:
        return _value(given[-1].name, place, clock)
    if _is_in_command(place):
        return Answer(directive=FILES)
    if "--" in place.words:
        return Answer(directive=COMMANDS_OF_PATH)
    return _word(place, clock)


def _word(place: Place, clock: Clock) -> Answer:
    """Return what could stand where no option waits for its value."""
    if place.current.startswith("--") and "=" in place.current:
        return _value_after_equals(place, clock)
    if place.current.startswith("-"):
        return Answer(tuple(_matching(_options(place.verb), place.current)))
    if not _is_verb(place.verb):
        return Answer(tuple(_matching(_verbs(place.verb), place.current)))
    return _argument(place, clock)


def _read(verb: str, words: Sequence[str]) -> tuple[list[Given], int]:
    """Return the options among words and the number of others; as `parse`, without complaints."""
    options = parse.options_of(usage.text(verb) if _is_verb(verb) else usage.GLOBAL_OPTIONS)
    given: list[Given] = []
    others = 0
    left = iter(words)
    for word in left:
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            others += 1
        elif not options.get(name) or equals:
            given.append(Given(name, value if equals else None, is_open=False))
        else:
            following = next(left, None)
            given.append(Given(name, following, following is None))
    return given, others


def _place(words: Sequence[str]) -> Place:
    """Find the verb among the words before the current one, and --home and --db."""
    before, current = list(words[:-1]), words[-1]
    start = _first_word(before)
    verb = ""
    for length in (3, 2, 1):
        name = " ".join(before[start : start + length])
        if len(before) >= start + length and (name in usage.VERBS or name in usage.GROUPS):
            verb = name
            break
    rest = before[:start] + before[start + len(verb.split()) :]
    flags = {given.name: given.value for given in _read(verb, rest)[0]}
    return Place(verb, tuple(rest), current, flags.get("--home"), flags.get("--db"))


def _first_word(words: Sequence[str]) -> int:
    """Return where the verb would stand: behind the global options."""
    options = parse.options_of(usage.GLOBAL_OPTIONS)
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if options.get(words[index]) else 1
    return index


def _is_verb(verb: str) -> bool:
    return verb in usage.VERBS


def _is_in_command(place: Place) -> bool:
    """Tell whether the first word of a job's command is there already."""
    if place.verb not in parse.COMMAND_FIRST:
        return False
    _, others = _read(place.verb, place.words)
    after = place.words[place.words.index("--") + 1 :] if "--" in place.words else ()
    return bool(others > parse.LEADING.get(place.verb, 0) or after)


# --- what there is to choose from ---


def _verbs(group: str) -> Candidates:
    """Yield the verbs, each by the one word that comes next."""
    for verb, summary in usage.VERBS.items():
        first, _, second = verb.partition(" ")
        if not group and not second:
            yield first, summary
        elif group and first == group and second:
            yield second, summary
    if not group:
        for name in usage.GROUPS:
            yield name, "verbs: " + ", ".join(usage.verbs_of(name))


def _options(verb: str) -> Candidates:
    options = anatomy.all_options(verb) if _is_verb(verb) else anatomy.global_options()
    for option in options:
        yield option.name, option.explanation


def _value_after_equals(place: Place, clock: Clock) -> Answer:
    name, _, typed = place.current.partition("=")
    answer = _value(name, Place(place.verb, place.words, typed, place.home, place.db), clock)
    return Answer(
        tuple((f"{name}={text}", about) for text, about in answer.candidates), answer.directive
    )


def _value(name: str, place: Place, clock: Clock) -> Answer:
    """Return the values of an option."""
    options = anatomy.all_options(place.verb) if _is_verb(place.verb) else anatomy.global_options()
    kind = next((option.value for option in options if name in option.names), None)
    return _of_kind(CHOICES_OF.get(name) or kind or "", place, clock)


def _argument(place: Place, clock: Clock) -> Answer:
    """Return what can stand where the verb takes something beside options."""
    _, others = _read(place.verb, place.words)
    names = anatomy.placeholders(place.verb)
    if not names:
        return Answer()
    position = min(others, len(names) - 1)
    repeated = f"{names[-1]}..." in anatomy.read(place.verb).forms[0].replace("]", "")
    if others >= len(names) and not repeated:
        return Answer()
    return _of_kind(names[position], place, clock)


def _of_kind(kind: str, place: Place, clock: Clock) -> Answer:
    """Return what a placeholder stands for: from a fixed list, the queue, or the shell."""
    if kind in DIRECTIVES:
        return Answer(directive=DIRECTIVES[kind])
    if kind in FIXED:
        return Answer(tuple(_matching(FIXED[kind](place), place.current)))
    if kind in LOOKED_UP:
        return Answer(tuple(_matching(_looked_up(kind, place, clock), place.current)))
    return Answer()


def _looked_up(kind: str, place: Place, clock: Clock) -> list[tuple[str, str]]:
    """Look into the queue, where there is one."""
    session = Session(clock, Output(), home=place.home, db=place.db)
    try:
        if not os.path.exists(session.db_path):
            return []
        return list(LOOKED_UP[kind](session, place))
    finally:
        session.close()


def _jobs(session: Session, place: Place) -> Candidates:
    from queuectl_core.lifecycle import State  # noqa: PLC0415 - as above
    from queuectl_core.selection import Selection  # noqa: PLC0415 - as above
    from queuectl_core.services.jobs import command_line  # noqa: PLC0415 - for ids only

    states = (State.DEAD,) if place.verb.startswith("dlq ") else ()
    for job in session.store.select(Selection(states=states), limit=NEWEST).jobs:
        yield job.name, f"{job.state}: {command_line(job)}"


def _queues(session: Session, _place: Place) -> Candidates:
    from queuectl_core.services import queues  # noqa: PLC0415 - as above

    for row in queues.rows(session.store):
        yield row.name, "queue"


def _workers(session: Session, _place: Place) -> Candidates:
    for worker in session.store.workers():
        yield str(worker.id), "worker"


def _hooks(session: Session, _place: Place) -> Candidates:
    for hook in session.store.hooks().all():
        yield hook.name, f"hook: {hook.event}"


def _schedules(session: Session, _place: Place) -> Candidates:
    for one in session.store.schedules().all():
        yield one.name, f"schedule: {one.definition.when}"


def _topics(place: Place) -> Candidates:
    """Yield what `help` explains; after a group's name, its verbs."""
    from queuectl_core.cli.topics import TOPICS  # noqa: PLC0415 - one of many lists

    if place.words and place.words[-1] in usage.GROUPS:
        return _verbs(place.words[-1])
    return iter([*_verbs(""), *((topic, "topic") for topic in TOPICS)])


FIXED: Mapping[str, Callable[[Place], Candidates]] = {
    "STATE": lists.states,
    "ON-CONFLICT": lists.conflicts,
    "ON-CRASH": lists.crashes,
    "BACKOFF": lambda _: iter((("exp:2", ""), ("linear:30", ""), ("fixed:60", ""))),
    "SORT": lists.orders,
    "COLUMNS": lists.columns,
    "PRIORITY": lambda _: ((str(number), "") for number in range(10, 0, -1)),
    "<event>": lists.events,
    "<key>": lists.settings,
    "<value>": lists.setting_values,
    "<topic>": _topics,
    "<when>": lists.expressions,
    "WHEN": lists.expressions,
    "ZONE": lists.zones,
    "OVERLAP": lists.overlaps,
    "CATCH-UP": lists.catch_ups,
    "<shell>": lambda _: ((shell, "") for shell in shells.SCRIPTS),
}
LOOKED_UP: Mapping[str, Callable[[Session, Place], Candidates]] = {
    "<id>": _jobs,
    "Q": _queues,
    "<queue>": _queues,
    "<worker>": _workers,
    "<hook>": _hooks,
    "<schedule>": _schedules,
    "SCHEDULE": _schedules,
}
DIRECTIVES = {
    "FILE": FILES, "PATH": FILES, "<file>": FILES, "DIR": DIRECTORIES,
    "<word>": COMMANDS_OF_PATH, "<command>": COMMANDS_OF_PATH,
}  # fmt: skip
CHOICES_OF = {
    "--on-conflict": "ON-CONFLICT", "--on-crash": "ON-CRASH", "--backoff": "BACKOFF",
    "-p": "PRIORITY", "--priority": "PRIORITY", "--sort": "SORT", "--columns": "COLUMNS",
    "--overlap": "OVERLAP", "--catch-up": "CATCH-UP", "--schedule": "SCHEDULE",
}  # fmt: skip
"""Options whose values are a short list that their placeholder does not name."""


# --- how the shells put it ---


def _matching(candidates: Candidates | Sequence[tuple[str, str]], typed: str) -> Candidates:
    return ((text, about) for text, about in candidates if text.startswith(typed))


def _joined(words: Sequence[str]) -> list[str]:
    """Put together what bash takes apart: `--state`, `=`, `dead` are one word, `id`, `:`, `17` too.

    Whether there were blanks between, bash does not tell.
    """
    joined: list[str] = []
    for position, word in enumerate(words):
        breaks = bool(word) and _BREAKS.issuperset(word)
        after_break = position > 0 and bool(words[position - 1]) and (
            _BREAKS.issuperset(words[position - 1])
        )  # fmt: skip
        if joined and (breaks or after_break):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _unquoted(word: str) -> str:
    """Return a word as its program will see it; as it stands while a quote is open."""
    try:
        return shlex.split(word)[0] if word else ""
    except (ValueError, IndexError):
        return word


def _print(shell: str, typed: str, answer: Answer) -> None:
    for text, about in answer.candidates:
        write(_line(shell, text, clean(about), typed) + "\n")
    write(f"{answer.directive}\n")


def _line(shell: str, text: str, about: str, typed: str) -> str:
    if shell == "zsh":
        return text.replace(":", "\\:") + f":{about}"
    if shell == "fish":
        return f"{text}\t{about}"
    # bash replaces only what stands behind the last = or :
    cut = max(typed.rfind("="), typed.rfind(":")) + 1
    return text[cut:]


COMMANDS: Mapping[str, Command] = {"completion": print_script}
