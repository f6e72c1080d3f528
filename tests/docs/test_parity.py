"""Nothing is hidden: a service has its command, a command its reference, manual and guide."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from queuectl_core.cli import manual, topics, usage

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted((ROOT / "queuectl_core" / "services").glob("*.py"))
CALLERS = {
    path: path.read_text(encoding="utf-8")
    for floor in ("cli", "services", "web", "worker")
    for path in (ROOT / "queuectl_core" / floor).rglob("*.py")
}
PROSE = {
    page: page.read_text(encoding="utf-8")
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if page.name != "cli.md" and "design" not in page.parts
}


def public_functions(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_every_service_is_used_by_a_command_or_another_service(path):
    others = "\n".join(text for other, text in CALLERS.items() if other != path)

    unused = [name for name in public_functions(path) if not re.search(rf"\b{name}\b", others)]

    assert unused == []


@pytest.mark.parametrize("verb", usage.VERBS)
def test_every_command_has_its_reference_page_and_manual(verb):
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    assert f"## queuectl {verb}\n" in reference
    assert (ROOT / "docs" / "man" / f"{manual.page_name(verb)}.1").exists()


@pytest.mark.parametrize("verb", usage.VERBS)
def test_every_command_is_used_in_a_guide(verb):
    told = [*PROSE.values(), *topics.TOPICS.values()]

    assert any(re.search(rf"queuectl {verb}\b", text) for text in told), verb


@pytest.mark.parametrize("topic", topics.TOPICS)
def test_every_topic_begins_with_its_title(topic):
    first, second = topics.TOPICS[topic].splitlines()[:2]

    assert topic not in {*usage.VERBS, *usage.GROUPS}
    assert first.endswith(".")
    assert len(first) <= 78
    assert second == ""
    assert max(map(len, topics.TOPICS[topic].splitlines())) <= 100


def test_every_verb_that_a_page_names_exists():
    first_words = {verb.split()[0] for verb in usage.VERBS}
    wrong = {
        (page.name, word)
        for page, text in PROSE.items()
        for word in re.findall(r"`queuectl ([a-z]+)[ `]", text)
        if word not in first_words
    }

    assert wrong == set()
