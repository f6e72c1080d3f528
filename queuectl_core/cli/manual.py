r"""Manual pages in roff (man(7)), made of the usage texts. `scripts/docs` writes them too.

In roff a line that opens with . or ' is a request and \ escapes; a hyphen is written \- so that it
can be copied as the ASCII one.
"""

from __future__ import annotations

from queuectl_core import __version__
from queuectl_core.cli import anatomy, topics, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from queuectl_core.cli.anatomy import Option

_FILES = (
    ("~/.queuectl/queue.db", "the queue"),
    ("~/.queuectl/config.json", "settings, written by config set"),
    ("~/.queuectl/logs/", "what workers and jobs wrote"),
)


def page_name(verb: str) -> str:
    """Return what the page of a verb is called: queuectl-worker-start."""
    return "-".join(["queuectl", *verb.split()])


def main_page() -> str:
    """Return queuectl(1)."""
    lines = [
        *_head("queuectl", "a background job queue in one executable"),
        ".SH SYNOPSIS",
        ".B queuectl",
        '.RI [ options ] " verb " [ arguments ...]',
        ".SH DESCRIPTION",
        _text("Keeps, runs, retries and remembers jobs; the queue is one SQLite file."),
    ]
    for title, verbs in topics.sections().items():
        lines += [f".SS {_text(title)}"]
        for verb in verbs:
            lines += [".TP", f".B {_text(verb)}", _text(usage.VERBS[verb].capitalize() + ".")]
    lines += [".SH OPTIONS", *_option_lines(anatomy.global_options())]
    for topic, title in (
        ("exit-codes", "EXIT STATUS"),
        ("environment", "ENVIRONMENT"),
    ):
        lines += [f".SH {title}", *_verbatim(topics.TOPICS[topic].partition("\n\n")[2])]
    lines += [".SH FILES"]
    for path, what in _FILES:
        lines += [".TP", f".I {_text(path)}", _text(what[0].upper() + what[1:] + ".")]
    for topic, text in topics.TOPICS.items():
        if topic not in {"exit-codes", "environment"}:
            lines += [f".SH {_text(topic.upper().replace('-', ' '))}", *_prose(text)]
    lines += [".SH SEE ALSO", *_references(usage.VERBS)]
    return _page(lines)


def verb_page(verb: str) -> str:
    """Return the page of one verb."""
    text = anatomy.read(verb)
    lines = [*_head(page_name(verb), usage.VERBS[verb]), ".SH SYNOPSIS"]
    for form in text.forms:
        lines += [".PP", _text(form)]
    lines += [".SH DESCRIPTION", _text(text.summary)]
    for block in text.prose:
        lines += [".PP", *_prose(block)]
    if text.options:
        lines += [".SH OPTIONS", *_option_lines(text.options)]
    lines += [".SH GLOBAL OPTIONS", *_option_lines(anatomy.global_options())]
    lines += [".SH EXAMPLES", *_verbatim("\n".join(text.examples))]
    lines += [".SH SEE ALSO", *_references(_neighbours(verb))]
    return _page(lines)


def _page(lines: list[str]) -> str:
    """Return the lines without the paragraph marks that follow a heading, or another mark."""
    kept: list[str] = []
    for line in lines:
        if line == ".PP" and (kept[-1] == ".PP" or kept[-1].startswith(".SH")):
            continue
        kept.append(line)
    return "\n".join(kept) + "\n"


def _head(name: str, what: str) -> list[str]:
    title = _text(name.upper())
    return [
        f'.TH {title} 1 "" "queuectl {__version__}" "QueueCTL"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(what)}",
    ]


def _neighbours(verb: str) -> list[str]:
    """Return the verbs of the same section, the most likely ones to be read next."""
    section = next(verbs for verbs in topics.sections().values() if verb in verbs)
    return [other for other in section if other != verb]


def _references(verbs: Iterable[str]) -> list[str]:
    names = ["queuectl", *map(page_name, verbs)]
    return [f".BR {_text(name)} (1){',' if name != names[-1] else ''}" for name in names]


def _option_lines(options: Iterable[Option]) -> Iterator[str]:
    for option in options:
        names = ", ".join(f"\\fB{_text(name)}\\fR" for name in option.names)
        value = f" \\fI{_text(option.value)}\\fR" if option.value else ""
        yield from (".TP", names + value, _text(option.explanation))


def _prose(text: str) -> Iterator[str]:
    """Yield paragraphs; what is indented stays as it stands."""
    for block in text.strip("\n").split("\n\n"):
        if block.startswith((" ", "- ")):
            yield from _verbatim(block)
        else:
            yield ".PP"
            yield from map(_text, block.splitlines())


def _verbatim(text: str) -> Iterator[str]:
    yield from (".PP", ".EX")
    yield from map(_text, text.strip("\n").splitlines())
    yield ".EE"


def _text(line: str) -> str:
    """Return a line of text in which roff finds no request and no escape."""
    escaped = line.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    escaped = escaped.replace("`", "\\(ga").replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{escaped}" if escaped.startswith((".", "\\(aq")) else escaped
