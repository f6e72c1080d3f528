"""Nothing that a job, a worker or a link says becomes markup: in any field, on any page."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from queuectl_core.retry import Bury
from queuectl_core.storage.records import Result
from tests.builders import NOW_MS, failure, new_job, new_worker
from tests.web.test_pages import check, write_output

EVIL = (
    """<script>alert(1)</script>"'><img src=x onerror=alert(2)>&lt;{{7*7}}%>javascript:alert(3)"""
)
OSC = (
    "\x1b]8;;javascript:alert(4)\x07link\x1b]8;;\x07 \x1b]52;c;ZXZpbA==\x07 \x1b[2J\x1b[31m" + EVIL
)
TAGS = {
    "a", "b", "body", "button", "caption", "circle", "code", "datalist", "dd", "defs", "details",
    "dialog", "div", "footer", "form", "h1", "h2", "head", "header", "html", "i", "input", "kbd",
    "label", "li", "link", "main", "meta", "meter", "nav", "ol", "option", "p", "path", "pattern",
    "pre", "progress", "rect", "script", "section", "select", "small", "span", "summary", "svg",
    "table", "tbody", "td", "textarea", "th", "thead", "time", "title", "tr", "ul",
}  # fmt: skip
"""All that our templates have: neither img nor iframe."""


@pytest.fixture
def admin(client):
    return client("admin")


@pytest.fixture
def hostile(store, home):
    """A queue in which everything that takes any text has the worst one."""
    fields = {"cwd": "/" + EVIL, "env": {EVIL.replace("=", "-"): EVIL}, "max_retries": 1}
    store.enqueue([new_job(EVIL, **fields), new_job(argv=(EVIL, EVIL), **fields)], now_ms=NOW_MS)
    crew = new_worker(host=EVIL, version=EVIL, queues=["default", EVIL])
    worker = store.register(crew, now_ms=NOW_MS)
    _, claims = store.finish_and_claim([], worker=worker, limit=2, now_ms=NOW_MS)
    dead = Result(claims[0], failure(error=EVIL), Bury(EVIL))
    store.finish_and_claim([dead], worker=worker, limit=0, now_ms=NOW_MS + 5)
    store.pause("default", by=EVIL, reason=EVIL, now_ms=NOW_MS)
    store.pause(None, by=EVIL, reason=EVIL, now_ms=NOW_MS)
    store.access().note(EVIL, EVIL, EVIL, EVIL, now_ms=NOW_MS)
    for claim in claims:
        write_output(home, claim.job.number, OSC.encode() + b"\n\xff\xfe</pre>\n")


PAGES = (
    "/", "/jobs", "/jobs?state=dead", "/jobs/1", "/jobs/2", "/jobs/1/output", "/queues",
    "/workers", "/dead", "/metrics-ui", "/events", "/operations", "/settings", "/enqueue",
)  # fmt: skip
WORDS = (
    "/jobs?q={}", "/jobs?state={}", "/jobs?cause={}", "/jobs?below={}", "/jobs?n={}",
    "/?range={}", "/dead?queue={}", "/metrics-ui?range={}", "/events?kind={}", "/events?job={}",
    "/jobs/1?attempt={}", "/jobs/1/output?style={}", "/jobs/{}", "/enqueue?command={}", "/{}",
)  # fmt: skip


def is_harmless(text: str) -> None:
    """Check that a page has no tag, attribute or link but ours."""
    outline = check_part(text)
    assert {tag for tag, _ in outline.found} <= TAGS
    scripts = {attrs.get("src", "").partition("?")[0] for attrs in outline.all("script")}
    assert scripts <= {"/static/app.js", "/static/theme.js"}
    for _, attrs in outline.found:
        for name in ("href", "src", "action", "formaction"):
            assert (attrs.get(name) or "/").startswith(("/", "#")), attrs
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    assert "49%&gt;" not in text  # no template in a template


def check_part(text: str):
    from tests.web.test_pages import Outline  # noqa: PLC0415 - beside check

    outline = Outline(text)
    assert outline.errors == []
    for tag, attrs in outline.found:
        assert not [one for one in attrs if one.startswith("on") or one == "style"], (tag, attrs)
    return outline


@pytest.mark.parametrize("url", PAGES)
def test_what_the_queue_says_is_text(admin, hostile, url):
    response = admin.get(url)

    assert response.status == 200
    is_harmless(response.text)


@pytest.mark.parametrize("url", WORDS)
@pytest.mark.parametrize("evil", [EVIL, OSC, "\x00\x1b\u202e", "../../etc/passwd", "9" * 40])
def test_what_a_link_says_is_text(admin, hostile, url, evil):
    response = admin.get(url.format(quote(evil, safe="")))

    assert response.status in {200, 400, 404, 422}
    is_harmless(response.text)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("/enqueue", dict.fromkeys(("command", "queue", "id", "tags", "cwd", "priority"), EVIL)),
        ("/bulk", {"action": "cancel", "all": "1", "q": EVIL, "back": "//evil.example"}),
        ("/bulk", {"action": EVIL, "all": "1"}),
        ("/bulk", {"action": "priority", "number": "1", "priority": EVIL}),
        ("/jobs/2", {"action": "cancel"}),
        ("/jobs/1", {"action": EVIL}),
        ("/queues/pause", {"queue": EVIL, "reason": EVIL}),
        ("/settings/tokens", {"name": EVIL, "role": EVIL}),
        ("/settings/tokens/remove", {"name": EVIL}),
        ("/settings/hooks", {"event": EVIL, "command": EVIL, "queue": EVIL}),
        ("/settings/hooks", {"event": "dead", "command": EVIL}),
        ("/settings/hooks/remove", {"name": EVIL}),
    ],
)
def test_what_a_form_says_is_text(admin, hostile, url, form):
    response = admin.post(url, form, Accept="text/html")

    assert response.status in {200, 303, 400, 404, 409, 422}
    is_harmless(response.text)


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil", "/a\r\nX: y"]
)
def test_a_form_leads_back_to_us_only(admin, hostile, back):
    form = {"action": "retry", "all": "1", "state": "dead", "sure": "1", "back": back}

    response = admin.post("/bulk", form)

    assert response.header("Location") == "/jobs"


def test_all_pages_of_a_hostile_queue_stay_whole(admin, hostile):
    for url in PAGES:
        if not url.endswith("output"):
            check(admin.get(url))
