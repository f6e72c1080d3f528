"""Every page in both schemes and on a narrow screen: readable for all, nothing asked elsewhere.

Pictures of each go to build/screens, for a person's eyes.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.site import PAGES

SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"
JOBS = ("dead", "on", "failed")
LOOKS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light")}


def violations(page) -> list[str]:
    """Return what axe finds: the rules of WCAG 2.2 A and AA, and its best practices."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def look(page, name: str, look_name: str) -> list[str]:
    """Keep a picture of a page, and return what is wrong with it."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}-{look_name}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return violations(page) + (["it is wider than the screen"] if wide else [])


def name_of(path: str) -> str:
    return re.sub(r"\W+", "-", path).strip("-") or "overview"


@pytest.mark.parametrize("look_name", LOOKS)
def test_pages_of_a_busy_queue(open_page, site, busy, look_name):
    width, scheme = LOOKS[look_name]
    page = open_page(width=width, color_scheme=scheme)
    wrong = {}

    for path in (*PAGES, *(f"/jobs/{busy[name]}" for name in JOBS), "/jobs/none"):
        page.goto(site.url + path)
        wrong[path] = look(page, name_of(path), look_name)

    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize("look_name", LOOKS)
def test_pages_of_an_empty_queue(open_page, site, look_name):
    width, scheme = LOOKS[look_name]
    page = open_page(width=width, color_scheme=scheme)
    wrong = {}

    for path in PAGES:
        page.goto(site.url + path)
        wrong[path] = look(page, f"{name_of(path)}-empty", look_name)

    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize("look_name", LOOKS)
def test_questions_the_door_and_the_keys(chromium, open_page, site, busy, look_name):
    width, scheme = LOOKS[look_name]
    page = open_page("/dead", width=width, color_scheme=scheme)
    page.get_by_role("button", name="Retry 3 jobs").click()
    wrong = {"bulk": look(page, "question", look_name)}
    page.goto(f"{site.url}/jobs/{busy['on']}")
    page.get_by_role("button", name="Stop").click()
    wrong["job"] = look(page, "question-job", look_name)
    page.keyboard.press("?")
    wrong["keys"] = look(page, "keys", look_name)
    stranger = chromium.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
    door = stranger.new_page()
    door.goto(site.url + "/jobs")
    wrong["door"] = look(door, "login", look_name)
    stranger.close()

    assert {path: found for path, found in wrong.items() if found} == {}


@pytest.mark.parametrize("width", [320, 390])
def test_no_page_is_wider_than_a_narrow_screen(open_page, site, busy, width):
    page = open_page(width=width)
    wide = []

    for path in (*PAGES, *(f"/jobs/{busy[name]}" for name in JOBS)):
        page.goto(site.url + path)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path)

    assert wide == []
