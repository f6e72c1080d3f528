"""A real dashboard, a real Chromium. Without one these tests fail: scripts/test brings it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from queuectl_core.services import tokens
from queuectl_core.storage import open_store
from tests.browser.site import Site, filled

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, str(ROOT / "queuectl.py")]
NAMES = ("chromium", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def home(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def environ(home, monkeypatch):
    """What programs of this test see; whoever runs it has set nothing."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"QUEUECTL_HOME": str(home), "HOME": str(home), "TZ": "UTC", "PYTHONUTF8": "1"}


@pytest.fixture
def start(environ):
    """Start `queuectl ...`; it is ended with the test."""
    started = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *words], env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


@pytest.fixture
def run(environ):
    """Run `queuectl ...` to its end."""
    return lambda *words: (
        subprocess.run(
            [*PROGRAM, *words], env=environ, check=True, capture_output=True, text=True
        ).stdout
    )


@pytest.fixture
def store(home):
    opened = open_store(str(home / "queue.db"), now_ms=0)
    yield opened
    opened.close()


@pytest.fixture
def site(home, store, start):
    """The dashboard of an empty queue."""
    secret = tokens.add(store, "tester", "admin", by="test", now_ms=0).secret
    told = json.loads(start("web", "--port", "0", "--json").stdout.readline())
    return Site(told["url"].rstrip("/"), told["login"], secret, home)


@pytest.fixture
def busy(store, home):
    """Jobs in all states."""
    return filled(store, home)


@pytest.fixture
def open_page(chromium, site):
    """Open a page as somebody who has logged in: `open_page("/jobs", width=390)`."""
    contexts = []

    def open_page(path: str = "/", *, width: int = 1280, height: int = 860, **options: object):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        site.watch(page)
        site.log_in(page)
        if path != "/":
            page.goto(site.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert site.complaints == []
