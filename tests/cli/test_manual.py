"""Manual pages: mandoc finds nothing wrong, man shows what the usage text says."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from queuectl_core.cli import anatomy, manual, usage

PAGES = ["", *usage.VERBS]


def mandoc(*argv, page):
    if shutil.which("mandoc") is None:
        pytest.fail("mandoc is missing; scripts/test installs it", pytrace=False)
    return subprocess.run(
        ["mandoc", *argv], input=page, capture_output=True, text=True, timeout=60, check=False
    ).stdout


@pytest.mark.parametrize("verb", PAGES)
def test_mandoc_finds_nothing_wrong(verb):
    found = mandoc(
        "-Tlint", "-W", "warning", page=manual.main_page() if not verb else manual.verb_page(verb)
    )

    # no date: the same version has the same pages on every day
    assert [line for line in found.splitlines() if "missing date" not in line] == []


@pytest.mark.parametrize("verb", list(usage.VERBS))
def test_a_page_holds_all_of_the_usage_text(verb):
    shown = mandoc("-Tutf8", "-O", "width=400", page=manual.verb_page(verb))
    shown = " ".join(re.sub(".\x08", "", shown).split())
    text = anatomy.read(verb)

    shown = shown.replace("\u2013", "-")
    assert f"queuectl-{verb.replace(' ', '-')} - {usage.VERBS[verb]}" in shown
    for part in (*text.forms, text.summary, *text.examples):
        assert " ".join(part.split()) in shown
    for option in anatomy.all_options(verb):
        assert f"{', '.join(option.names)} {option.value or ''}".strip() in shown
        assert option.explanation in shown


def test_help_prints_them(run):
    assert run("help", "--man") == (0, manual.main_page(), "")
    assert run("help", "--man", "worker", "start") == (0, manual.verb_page("worker start"), "")

    done = run("help", "--man", "wroker", "start")
    assert done.code == 64
    assert "did you mean worker start?" in done.err


def test_the_main_page_names_every_verb():
    page = manual.main_page()

    assert [
        verb for verb in usage.VERBS if manual.page_name(verb).replace("-", "\\-") not in page
    ] == []
