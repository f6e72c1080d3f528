"""What the application does around a view: pages kept for a second, notices, audit, streams."""

from __future__ import annotations

import pytest

from queuectl_core.web import sessions
from queuectl_core.web.app import App
from queuectl_core.web.facts import Answer, Page, Redirect, Role
from queuectl_core.web.routes import Route, Table
from queuectl_core.web.server import Logged
from tests.web.browser import Browser

ERROR = {"status": 200, "title": "ok", "detail": "", "hint": "", "request_id": ""}


class Views:
    """Views that note how often they were called, and what they were told."""

    def __init__(self):
        self.shown = 0
        self.notices = []

    def show(self, facts, _store, _query):
        self.shown += 1
        self.notices.append(facts.notice)
        return Page("error", ERROR | {"detail": f"shown {self.shown} times, {facts.notice}"})

    def change(self, _facts, _store, form):
        return Redirect("/page", notice=f"did {form.get('what')}")

    def stream(self, _facts, _store, _query):
        return Answer(iter([b"a", b"b"]), "text/csv")


@pytest.fixture
def views():
    return Views()


@pytest.fixture
def browser(views, make_context):
    rows = [
        Route("GET", "/page", Role.READ, views.show, "page"),
        Route("POST", "/change/<id>", Role.OPERATE, views.change, "page"),
        Route("GET", "/stream", Role.READ, views.stream, "page"),
    ]
    context = make_context(no_auth=True)
    return Browser(App(context, Table(rows, read_only=False)))


def change(browser, what="it"):
    csrf = sessions.mac(browser.app.context.key, "csrf", "anonymous")
    return browser.post("/change/7", {"what": what, "csrf": csrf})


def test_a_page_is_rendered_once_a_second_for_all_tabs(browser, views, clock):
    first = browser.get("/page")
    again = [browser.get("/page") for _ in range(9)]

    assert {one.body for one in again} == {first.body}
    assert views.shown == 1
    clock.advance(1_000)
    browser.get("/page")
    assert views.shown == 2


@pytest.mark.parametrize("other", ["/page?x=1", "/page?x=2"])
def test_another_question_is_another_page(browser, views, other):
    browser.get("/page")
    browser.get(other)

    assert views.shown == 2


def test_a_fragment_and_a_zone_are_pages_of_their_own(browser, views):
    browser.get("/page")
    browser.get("/page", X_Fragment="main")
    browser.cookies["zone"] = "utc"
    browser.get("/page")

    assert views.shown == 3


def test_after_a_change_pages_are_new_and_say_what_was_done_once(browser, views, store):
    browser.get("/page")

    response = change(browser, "<b>ä")

    assert (response.status, response.header("Location")) == (303, "/page")
    assert "&lt;b&gt;ä" in browser.get("/page").text
    browser.get("/page")
    assert views.notices == ["", "did <b>ä", ""]
    (noted,) = store.access().audits(limit=9)
    assert (noted.actor, noted.action, noted.subject, noted.detail) == (
        "anonymous", "POST /change/<id>", "7", "did <b>ä",
    )  # fmt: skip


def test_a_notice_that_we_did_not_write_is_not_shown(browser, views):
    browser.cookies["queuectl_notice"] = "cGFzc3dvcmQ.0000"

    browser.get("/page")

    assert views.notices == [""]


def test_pages_are_never_kept_by_others(browser):
    assert browser.get("/page").header("Cache-Control") == "private, no-cache"
    assert change(browser).header("Cache-Control") == "no-store"
    assert browser.get("/stream").header("Cache-Control") == "no-store"


def test_a_stream_is_sent_as_it_comes(browser):
    response = browser.get("/stream")

    assert response.body == b"ab"
    assert response.header("Content-Length") is None


def test_the_access_log_has_no_query(browser, clock):
    lines = []
    browser.app = Logged(browser.app, lines.append, clock)

    browser.get("/page?code=secret")
    browser.get("/a%0ab")

    assert lines == ["127.0.0.1 GET '/page' 200 0 ms", "127.0.0.1 GET '/a%0ab' 404 0 ms"]
