"""A usage text in its parts. Help, completion, manual pages and tests all read these."""

from __future__ import annotations

from queuectl_core.cli import usage
from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_INDENT = 2
_GAP = "  "


class Option(Record):
    """One option of a verb: its spellings, what stands for its value, and its explanation."""

    names: tuple[str, ...]
    value: str | None
    explanation: str

    @property
    def name(self) -> str:
        """The long spelling where there is one."""
        return self.names[-1]


class Text(Record):
    """A usage text: what the verb does, how it is called, prose, options, examples."""

    summary: str
    forms: tuple[str, ...]
    prose: tuple[str, ...]
    options: tuple[Option, ...]
    examples: tuple[str, ...]


def read(verb: str) -> Text:
    """Return the parts of a verb's own text, without the global options."""
    head, _, rest = usage.TEXTS[verb].partition("\nUsage:\n")
    first, _, more = head.strip().partition("\n")
    blocks = [block.strip("\n") for block in rest.split("\n\n")]
    others = blocks[1:]
    prose = [more.strip("\n")] if more.strip() else []
    prose += [block for block in others if not block.startswith(("Options:", "Examples:"))]
    return Text(
        first,
        tuple(usage.forms(usage.TEXTS[verb])),
        tuple(prose),
        tuple(_options(_block(others, "Options:"))),
        tuple(line.strip() for line in _block(others, "Examples:")),
    )


def global_options() -> list[Option]:
    """Return what every verb takes."""
    return list(_options(usage.GLOBAL_OPTIONS.strip().splitlines()[1:]))


def all_options(verb: str) -> list[Option]:
    """Return a verb's own options and the global ones."""
    return [*read(verb).options, *global_options()]


def placeholders(verb: str) -> list[str]:
    """Return what the verb takes beside its options, in order: `<id>`, `<file>`."""
    words = read(verb).forms[0].replace("[", " ").replace("]", " ").replace("...", " ").split()
    return [word for word in words if word.startswith("<")]


def _block(blocks: list[str], title: str) -> list[str]:
    return [line for block in blocks if block.startswith(title) for line in block.splitlines()[1:]]


def _options(lines: list[str]) -> Iterator[Option]:
    """Yield the options; a line that opens with none goes on with the explanation before."""
    option: Option | None = None
    for line in lines:
        if not line[_INDENT:].startswith("-"):
            if option is not None:
                more = f"{option.explanation} {line.strip()}".strip()
                option = Option(option.names, option.value, more)
            continue
        if option is not None:
            yield option
        spelling, _, explanation = line.strip().partition(_GAP)
        words = spelling.replace(",", " ").split()
        names = tuple(word for word in words if word.startswith("-"))
        values = [word for word in words if not word.startswith("-")]
        option = Option(names, values[-1] if values else None, explanation.strip())
    if option is not None:
        yield option
