"""The pages that are made from the code are up to date, and every page that is named exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_every_link_of_a_page_leads_somewhere() -> None:
    broken = [
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_every_page_that_the_code_names_exists() -> None:
    sources = [*ROOT.glob("queuectl_core/**/*.py"), *ROOT.glob("scripts/*"), ROOT / "build.spec"]
    named = {
        name
        for source in sources
        if source.is_file()
        for name in re.findall(r"docs/[\w/-]+\.md", source.read_text(encoding="utf-8"))
    }

    missing = sorted(name for name in named if not (ROOT / name).exists())

    assert named
    assert missing == []
