"""Command lines and JSON texts that nobody would type, the same ones at each run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from queuectl_core.cli import anatomy, topics, usage
from queuectl_core.services.intake import INPUT_FIELDS, QUEUE_FIELDS

if TYPE_CHECKING:
    import random

SAFE = {
    **{verb: ["--bogus"] for verb in ("worker start", "up", "web", "top", "run")},
    "service install": ["--dry-run"], "service uninstall": ["--dry-run"],
    "wait": ["--timeout", "0"], "worker stop": ["--timeout", "0"],
}  # fmt: skip
"""What keeps a verb from working for hours, or on the system that runs the tests."""
ENDLESS = ("-f", "--follow", "--watch", "-w", "--wait")
IDS = ("kept", "dead", "1", "2", "id:kept", "#1", "nope", "99")
WORDS = (
    *IDS, "", " ", "-", "--", "---", "-5", "--=", "-=", "--json", "-q", "-qq", "--no-color", "-h",
    "--help", "--home", "--db", "--no-input", "--state=dead", "--state", "pending", "x=y", "A=1",
    "0", "-1", "1e9", "3.5", "9" * 40, "٣", "NaN", "true", "null", "10m", "1 hour", "-10m",
    "tomorrow", "25:00", "2030-02-30", "@1", "2030-12-31T23:59:59Z", "exp:2", "exp:",
    "10,,60", "fixed:-1", "error", "skip", "replace", "retry", "hold", "max-retries", "max_retries",
    "db-path", "naive-time",
    "backoff-base", "nope-nope", "default", "mail", "a b", "ünïcödé", "日本語", "مرحبا", "🦆",
    "\udcff", "a\udcffb", "\x1b[31m", "\x07\x08", "a\nb", "a\tb", "\u202e", "{", "}", "{}", "[]",
    "[{}]", '{"command":"true"}', '{"command":', '["a"]', "[ -f x ]", "'", '"', "$(x)", "`x`", "*",
    "x" * 300, "file", "dir/file", "./", "bash", "zsh", "times", "127.0.0.1", "8080", "99999",
)  # fmt: skip


def command_line(rng: random.Random) -> list[str]:
    """Return the words of one command line: often nearly right, sometimes noise."""
    verb = rng.choice([*usage.VERBS] * 3 + [*usage.GROUPS, *topics.TOPICS, "lst", "", "-", "🦆"])
    before = [_word(rng) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    options = anatomy.all_options(verb) if verb in usage.VERBS else []
    words = []
    for _ in range(rng.choice((0, 1, 1, 2, 3, 5))):
        words += _option(rng, options) if options and rng.random() < 0.5 else [_word(rng)]
    if verb == "enqueue" and rng.random() < 0.5:
        words.append(json_text(rng))
    words = [word for word in words if word.split("=")[0] not in ENDLESS]
    if verb in SAFE:
        before = [word for word in before if word != "--"]
        words = [*SAFE[verb], *words]
    words = [word for word in words if "\0" not in word]
    return [*before, *verb.split(" "), *words]


def _option(rng: random.Random, options: list[anatomy.Option]) -> list[str]:
    option = rng.choice(options)
    name = rng.choice(option.names)
    if rng.random() < 0.1:
        name = name[: rng.randrange(1, len(name) + 1)] + rng.choice(("", "x", "="))
    if option.value is None or rng.random() < 0.1:
        return [name]
    return [f"{name}={_word(rng)}"] if rng.random() < 0.3 else [name, _word(rng)]


def _word(rng: random.Random) -> str:
    return rng.choice(WORDS)


def json_text(rng: random.Random) -> str:
    """Return the text of a job: right, with wrong values, or with wrong signs."""
    fields = {rng.choice(_FIELDS): _value(rng, 0) for _ in range(rng.randrange(5))}
    if rng.random() < 0.8:
        fields["command"] = rng.choice(("true", "echo ☃", "", "x" * 200_000, "a\0b", "\ud800"))
    text = json.dumps(fields, ensure_ascii=rng.random() < 0.5)
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(_SIGNS) + text[at + rng.randrange(2) :]
    return "".join(rng.choice(("", "", "", " ", "\t")) + text)


_FIELDS = (
    *INPUT_FIELDS,
    *INPUT_FIELDS,
    *QUEUE_FIELDS,
    "nope",
    "",
    "Command",
    "\udcff",
    "__class__",
)
_SIGNS = (
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "\\",
    "\\u",
    "\\ud800",
    "0",
    "e",
    "-",
    "NaN",
    "\n",
    "é",
    "\x00",
    "[" * 3000,
)


def _value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        return {_word(rng): _value(rng, depth + 1) for _ in range(rng.randrange(4))}
    return (
        None, rng.random() < 0.5, rng.randrange(-3, 15), rng.choice((0.5, -1.5, 1e308, 2**70)),
        _word(rng), _word(rng), 10 ** rng.randrange(40),
    )[kind]  # fmt: skip
