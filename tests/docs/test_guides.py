"""Every page's commands work in the order printed and print what the page says.

A block is marked by `<!-- run -->` before it. A line `$ ...` is a command; what follows is what it
prints, both streams together, where `...` stands for anything. Each page has an empty home.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted((DOCS / "guides").glob("*.md")), DOCS / "operations.md"]
BLOCK = re.compile(r"<!-- run.*?-->\n```console\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.binary


def steps(page: Path) -> list[tuple[str, list[str]]]:
    """Return the commands of a page, each with the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


@pytest.fixture
def shell(frozen_env, tmp_path):
    """Run command after command in one shell whose `queuectl` is the frozen executable."""

    def shell(commands: list[str]) -> list[tuple[int, list[str]]]:
        mark = "=== end of command "
        script = "\n".join(f"{command}\necho '{mark}'$?" for command in commands)
        done = subprocess.run(
            ["/bin/bash", "-c", f"exec 2>&1\n{script}"],
            env=frozen_env | {"TZ": "Europe/Berlin"},
            cwd=tmp_path / "home",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        parts = re.split(rf"{mark}(\d+)\n", done.stdout)
        return [
            (int(code), text.splitlines())
            for text, code in zip(parts[::2], parts[1::2], strict=False)
        ]

    return shell


def fits(printed: list[str], expected: list[str]) -> bool:
    """Tell whether lines are those that a page shows; `...` is anything, also over many lines."""
    pattern = re.escape("\n".join(expected)).replace(r"\.\.\.", "(?s:.*)")
    return re.fullmatch(re.sub(r"(\\ )+", r"[ ]+", pattern), "\n".join(printed)) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_says(shell, page):
    commands = steps(page)

    ends = shell([command for command, _ in commands])

    assert len(ends) == len(commands)
    for (command, expected), (code, printed) in zip(commands, ends, strict=True):
        assert "Traceback" not in "\n".join(printed)
        assert code == 0, (command, printed)
        if expected:
            assert fits(printed, expected), (command, printed)


def test_every_page_whose_commands_are_to_run_has_its_test():
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    marked = [
        page
        for page in [ROOT / "README.md", *DOCS.rglob("*.md")]
        if "<!-- run" in page.read_text(encoding="utf-8")
    ]

    assert all(steps(page) for page in PAGES)
    assert [page for page in marked if page not in PAGES and page.name not in tests] == []


@pytest.mark.parametrize(
    ("printed", "expected", "judgement"),
    [
        (["a"], ["a"], True),
        (["a  b"], ["a b"], True),
        (["a", "b", "c"], ["a", "..."], True),
        (["ab"], ["a...b"], True),
        (["a"], ["b"], False),
        (["a", "b"], ["a"], False),
        (["a"], ["a", "b"], False),
    ],
)
def test_what_is_printed_is_compared(printed, expected, judgement):
    assert fits(printed, expected) is judgement
