from __future__ import annotations

import os
import time

import pytest

from queuectl_core import config
from queuectl_core.home import Home
from queuectl_core.services import tokens
from queuectl_core.storage import open_store
from queuectl_core.web.app import make_app
from queuectl_core.web.context import Context, Options
from tests.builders import NOW_MS
from tests.web.browser import Browser

KEY = b"k" * 32


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    """The zone is UTC, and no setting of the person who runs the tests counts."""
    for name in list(os.environ):
        if name.startswith("QUEUECTL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def home(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return Home(str(directory))


@pytest.fixture
def open_queue(home):
    """Open the test's queue once more; the test closes it."""
    return lambda: open_store(os.path.join(home.path, "queue.db"), now_ms=NOW_MS)


@pytest.fixture
def store(open_queue):
    opened = open_queue()
    yield opened
    opened.close()


@pytest.fixture
def make_context(home, open_queue, clock):
    """Make what a dashboard works with: `make_context(read_only=True)`."""
    made = []

    def make_context(**options) -> Context:
        context = Context(
            open_store=open_queue,
            settings=config.resolve({}, {}, {}),
            clock=clock,
            home=home,
            db_path=os.path.join(home.path, "queue.db"),
            key=KEY,
            options=Options(**options),
        )
        made.append(context)
        return context

    yield make_context
    for context in made:
        context.operations.stop()
        context.drop_store()


@pytest.fixture
def make_browser(make_context):
    """Make a browser that has logged in nowhere: `make_browser(read_only=True)`."""
    return lambda **options: Browser(make_app(make_context(**options)))


@pytest.fixture
def browser(make_browser):
    return make_browser()


@pytest.fixture
def token(store, clock):
    """Make a token: `token("operate")` returns its secret."""
    return lambda role, name=None: (
        tokens.add(store, name or role, role, by="test", now_ms=clock.now_ms()).secret
    )


@pytest.fixture
def client(browser, token):
    """Return a program with a token of some role: `client("read")`."""

    def client(role: str, app=None) -> Browser:
        one = Browser(app or browser.app)
        one.headers["Authorization"] = f"Bearer {token(role)}"
        return one

    return client
