"""Command lines by docopt, its traps handled before: typos, abbreviations, help, misplaced JSON.

The usage text is the only description of a verb; everything here is read from it. Each trap is one
of docopt-ng 0.9.0 and has its test in tests/cli/test_usage.py.
"""

from __future__ import annotations

from queuectl_core.cli import hints, usage
from queuectl_core.errors import BadData, UsageError
from queuectl_core.services.intake import is_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    Values = Mapping[str, object]

_MAX_DIGITS = 15
HELP = ("-h", "--help")
LEADING: Mapping[str, int] = {"hook add": 1, "schedule add": 2, "schedule edit": 1}
"""How many words of a verb that takes a command stand before its options, too."""
COMMAND_FIRST = frozenset({"enqueue", "run", *LEADING})
"""Verbs whose first word ends their options: the rest belongs to a command."""


class Args:
    """What docopt found, by type. Each verb makes its request of it at once."""

    def __init__(self, verb: str, values: Values) -> None:
        self.verb = verb
        self._values = values

    def among_those_of(self, verb: str) -> Args:
        """Return them with the options that only `verb` has, as not given."""
        absent = dict.fromkeys(options_of(usage.text(verb)))
        return Args(self.verb, {**absent, **self._values})

    def with_value_of(self, name: str, other: str) -> Args:
        """Return them with the value of another option as that of `name`."""
        return Args(self.verb, {**self._values, name: self._values[other]})

    def has(self, name: str) -> bool:
        """Tell whether an option was given, False also for one that the verb does not have."""
        return self._values.get(name) not in (None, False, 0, [])

    def flag(self, name: str) -> bool:
        """Tell whether an option without value, or `--`, was given."""
        return bool(self._values[name])

    def text(self, name: str) -> str | None:
        """Return an option's or argument's value, None when it was not given."""
        value = self._values[name]
        return None if value is None else str(value)

    def option(self, name: str) -> str | None:
        """Return an option's value; None also where the verb has no such option."""
        return self.text(name) if name in self._values else None

    def words(self, name: str) -> list[str]:
        """Return the values of what may come several times, in their order."""
        value = self._values[name]
        return [str(word) for word in value] if isinstance(value, list) else []

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """Return one of the choices; UsageError with the nearest one otherwise."""
        text = self.text(name)
        return default if text is None else hints.check_choice(name, text, choices, self.verb)

    def span_ms(self, name: str) -> int | None:
        """Return a span in milliseconds, None when it was not given; BadData names the option."""
        text = self.text(name)
        if text is None:
            return None
        from queuectl_core.durations import parse_duration_ms  # noqa: PLC0415 - datetime: 8 ms

        try:
            return parse_duration_ms(text)
        except BadData as error:
            raise BadData(f"{name}: {error}", hint=error.hint) from error

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`; UsageError otherwise."""
        text = self.text(name)
        if text is None:
            return default
        countable = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
        number = int(text) if countable else -1
        if not low <= number <= high:
            raise UsageError(
                f'{name} must be a whole number from {low} to {high}, not "{text[:60]}"',
                hint=f"queuectl help {self.verb}",
            )
        return number


def options_of(text: str) -> dict[str, bool]:
    """Return the options that a usage text lists, each with whether it takes a value."""
    options: dict[str, bool] = {}
    for line in text.splitlines():
        if line.startswith("  -") and not line.startswith("  --  "):
            words = line.strip().split("  ")[0].replace(",", " ").split()
            names = [word for word in words if word.startswith("-")]
            options.update(dict.fromkeys(names, len(names) < len(words)))
    return options


def parse_top(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line before the verb: into global options, and the verb with the rest."""
    index = _end_of_options("", options_of(usage.TOP), argv)
    return list(argv[:index]), list(argv[index:])


def arrange(verb: str, argv: Sequence[str]) -> list[str]:
    """Return the words in an order that docopt can take.

    JSON goes behind the options after it, and so do the words that lead to a command.
    """
    words = list(argv)
    if verb not in COMMAND_FIRST:
        return words
    if verb in LEADING:
        return _behind_options(verb, words)
    options = options_of(usage.text(verb))
    start = _end_of_options(verb, options, words)
    if start == len(words) or not is_json(words[start]):
        return words
    words.append(words.pop(start))
    end = _end_of_options(verb, options, words)
    if end < len(words) - 1:
        raise UsageError(
            f'after the JSON only options can follow, not "{words[end][:60]}"',
            hint="one JSON object a call, in single quotes; many: queuectl enqueue --stdin",
        )
    return words


def _behind_options(verb: str, words: Sequence[str]) -> list[str]:
    """Move the words that lead to a command behind the options around them."""
    options = options_of(usage.text(verb))
    given: list[str] = []
    leading: list[str] = []
    rest = list(words)
    while True:
        end = _end_of_options(verb, options, rest)
        given, rest = given + rest[:end], rest[end:]
        if len(leading) == LEADING[verb] or not rest or rest[0] == "--":
            return given + leading + rest
        leading.append(rest.pop(0))


def wants_help(verb: str, words: Sequence[str]) -> bool:
    """Tell whether -h or --help stands among our options, not in the command of a job.

    Raises UsageError for options that the verb does not have, lack their value, or come twice.
    """
    text = usage.text(verb)
    seen: set[str] = set()
    for name, _, _ in _given(verb, options_of(text), words, stop=verb in COMMAND_FIRST):
        if name in HELP:
            return True
        if name in seen and f"[{name} " not in usage.synopsis(text):
            raise UsageError(f"{name} is given twice", hint=f"queuectl help {verb}")
        seen.add(name)
    return False


def parse(verb: str, words: Sequence[str]) -> Args:
    """Return what the arranged words after the verb mean; UsageError where they do not fit it."""
    from docopt import DocoptExit, docopt  # noqa: PLC0415 - 10 ms; `enqueue '{...}'` does without

    text = usage.text(verb)
    glued = text.replace(f"queuectl {verb}", "queuectl-" + verb.replace(" ", "-"))
    try:
        values = docopt(
            glued, argv=list(words), default_help=False, options_first=verb in COMMAND_FIRST
        )
    except DocoptExit:
        others = _others(verb, words)
        what = f"does not take: {' '.join(others)[:80]}" if others else "lacks its arguments"
        raise UsageError(
            f'"queuectl {verb}" {what}',
            hint=f"it is: {usage.synopsis(text)}",
        ) from None
    return Args(verb, values)


def without_repeats(verb: str, argv: Sequence[str]) -> list[str]:
    """Return the words with each flag once: an alias may have given --json already."""
    options = options_of(usage.text(verb))
    seen: set[str] = set()
    repeated: set[int] = set()
    for name, start, _ in _given(verb, options, argv, stop=verb in COMMAND_FIRST):
        if argv[start] == name and not options[name]:
            if name in seen:
                repeated.add(start)
            seen.add(name)
    return [word for index, word in enumerate(argv) if index not in repeated]


def _others(verb: str, words: Sequence[str]) -> list[str]:
    """Return the words that are neither options nor their values."""
    of_options: set[int] = set()
    for _, start, end in _given(verb, options_of(usage.text(verb)), words, stop=False):
        of_options.update(range(start, end))
    return [word for index, word in enumerate(words) if index not in of_options]


def _end_of_options(verb: str, options: Mapping[str, bool], words: Sequence[str]) -> int:
    """Return where the options end and the first word stands."""
    end = 0
    for _, _, after in _given(verb, options, words, stop=True):
        end = after
    return end


def _given(
    verb: str, options: Mapping[str, bool], argv: Sequence[str], *, stop: bool
) -> Iterator[tuple[str, int, int]]:
    """Yield each option given, with its index and the one after its value.

    `stop`: until the first word.
    """
    index = 0
    while index < len(argv) and argv[index] != "--":
        start, word = index, argv[index]
        index += 1
        if not _is_option(word):
            if stop:
                return
            continue
        for name, value in _names(verb, options, word):
            if options[name] and value is None:
                if index >= len(argv) or argv[index] == "--":
                    raise UsageError(f"{name} needs a value", hint=f"queuectl help {verb}".strip())
                index += 1
            yield name, start, index


def _is_option(word: str) -> bool:
    """Tell an option from a word, as docopt does: a number is a word, even below zero."""
    if not word.startswith("-") or word == "-":
        return False
    try:
        float(word)
    except ValueError:
        return True
    return word.startswith("--")


def _names(verb: str, options: Mapping[str, bool], word: str) -> Iterator[tuple[str, str | None]]:
    """Yield the options in one word: `--long`, `--long=value`, `-abc`, `-n5`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        _check(verb, options, name)
        if equals and not options[name]:
            raise UsageError(f"{name} takes no value", hint=f"queuectl help {verb}".strip())
        yield name, value if equals else None
        return
    for position in range(1, len(word)):
        name = "-" + word[position]
        _check(verb, options, name)
        yield name, word[position + 1 :] or None
        if options[name]:
            return


def _check(verb: str, options: Mapping[str, bool], name: str) -> None:
    if name in options:
        return
    where = f'"queuectl {verb}"' if verb else "queuectl"
    raise UsageError(
        f"{where} has no option {name[:60]}", hint=hints.for_option(verb, name, options)
    )


def asks_for_json(argv: Sequence[str]) -> bool:
    """Tell whether errors are to be JSON too, on a command line that may be wrong anywhere."""
    index = next((i for i, word in enumerate(argv) if not word.startswith("-")), len(argv))
    verb = " ".join(argv[index : index + 1])
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    if verb in COMMAND_FIRST:
        # --json behind the first word of a job's command belongs to that
        try:
            options = options_of(usage.text(verb))
            start = index + 1
            end = start + _end_of_options(verb, options, words[start:])
            words = words if is_json(argv[end] if end < len(argv) else "") else words[:end]
        except UsageError:
            pass
    return "--json" in words
