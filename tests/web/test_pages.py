"""Every page with nothing and with everything in the queue, as people of each role see it."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser

import pytest

from queuectl_core.job import ON_CRASH
from queuectl_core.joblog import STDERR, STDOUT, JobLogWriter, log_path
from queuectl_core.lifecycle import State
from queuectl_core.limits import Limits, Rate
from tests.builders import (
    NOW_MS,
    buried,
    completed,
    jobs_of,
    new_job,
    new_worker,
    retried,
)

PAGES = (
    "/", "/?range=30d", "/jobs", "/jobs?state=dead", "/jobs?q=queue:mail", "/jobs?q=nope:1",
    "/jobs?q=run:%3E1h", "/queues", "/workers", "/dead", "/dead?queue=mail", "/metrics-ui",
    "/metrics-ui?range=7d", "/events", "/events?kind=bury", "/events?job=none", "/operations",
    "/settings", "/enqueue",
)  # fmt: skip
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "circle", "rect"}


class Outline(HTMLParser):
    """What a page is made of; complains of tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.errors: list[str] = []
        self.feed(text)
        self.errors += self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.errors.append(f"</{tag}> after {self.open[-3:]}")
        else:
            self.open.pop()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


@pytest.fixture
def admin(client):
    return client("admin")


@pytest.fixture
def busy(store, clock, home):
    """A queue with a job in every state, a paused queue, events and output."""
    store.enqueue(
        [new_job(f"echo {n}", queue="mail", tags=("nightly",)) for n in range(5)]
        + [new_job("./later", id="later", run_at_ms=NOW_MS + 60_000, env={"KEY": "secret-value"})]
        + [new_job("./bad", queue="bad", max_retries=1), new_job("./again", queue="again")]
        + [new_job("./unwanted", id="unwanted", queue="other"), new_job("./on", queue="run")],
        now_ms=NOW_MS - 5_000,
    )
    worker = store.register(new_worker(), now_ms=NOW_MS - 4_000)
    claims = {}
    for queue in ("mail", "bad", "again", "run"):
        _, (claim,) = store.finish_and_claim(
            [], worker=worker, limit=1, now_ms=NOW_MS - 3_000, queues=[queue]
        )
        claims[queue] = claim
    results = [
        completed(claims["mail"]),
        buried(claims["bad"]),
        retried(claims["again"], run_at_ms=NOW_MS + 9_000),
    ]
    store.finish_and_claim(results, worker=worker, limit=0, now_ms=NOW_MS - 2_000)
    store.cancel([jobs_of(store, queue="other")[0].number], now_ms=NOW_MS)
    store.pause("mail", by="ada", reason="new relay", now_ms=NOW_MS - 1_000)
    write_output(home, claims["bad"].job.number, b"\x1b[31mred\x1b[0m\n")
    return {queue: claim.job.number for queue, claim in claims.items()}


def write_output(home, number: int, data: bytes, *, stream: str = STDOUT, start: int = 1) -> None:
    logs_dir = home.logs_dir(f"{home.path}/queue.db")
    os.makedirs(logs_dir, exist_ok=True)
    writer = JobLogWriter(log_path(logs_dir, number, start), head_bytes=1 << 20, tail_bytes=1 << 20)
    writer.write(stream, data, NOW_MS)
    writer.close()
    assert writer.failed is None


def check(response) -> Outline:
    """Check what every page must be, and return its outline."""
    outline = Outline(response.text)
    assert outline.errors == []
    assert len(outline.all("h1")) == 1
    assert [attrs["lang"] for attrs in outline.all("html")] == ["en"]
    assert len(outline.all("main")) == 1
    assert all(attrs.get("src") for attrs in outline.all("script"))
    assert not outline.all("style")
    for tag, attrs in outline.found:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], (
            tag,
            attrs,
        )
    ids = [attrs["id"] for _, attrs in outline.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    return outline


@pytest.mark.parametrize("url", PAGES)
def test_a_page_of_an_empty_queue_is_whole(admin, url):
    response = admin.get(url)

    assert response.status == 200
    check(response)


@pytest.mark.parametrize("url", PAGES)
def test_a_page_of_a_busy_queue_is_whole(admin, busy, url):
    response = admin.get(url)

    assert response.status == 200
    check(response)


@pytest.mark.parametrize("state", ["mail", "bad", "again", "run", "later", "unwanted"])
def test_the_page_of_a_job_in_any_state_is_whole(admin, busy, state):
    response = admin.get(f"/jobs/{busy.get(state, state)}")

    assert response.status == 200
    check(response)


@pytest.mark.parametrize("url", ["/jobs/none", "/jobs/999", "/nowhere"])
def test_what_is_not_there_has_a_page_that_leads_back(admin, url):
    response = admin.get(url, Accept="text/html")

    assert response.status == 404
    check(response)


def test_a_job_that_was_forgotten_is_gone(admin, store, busy):
    store.remove([busy["mail"]], now_ms=NOW_MS)

    response = admin.get(f"/jobs/{busy['mail']}")

    assert response.status == 410
    assert "is gone" in response.text
    check(response)


def test_a_fragment_is_the_inside_of_main_and_does_not_change_with_the_time(admin, busy, clock):
    whole = admin.get("/jobs").text
    first = admin.get("/jobs", X_Fragment="main").text
    clock.advance(50_000)  # within the minute, or a scheduled job would come due

    second = admin.get("/jobs", X_Fragment="main").text

    assert "<html" not in first
    assert "<h1>Jobs</h1>" in first
    assert "<html" in whole
    assert first == second


def test_unchanged_fragments_cost_304(admin, busy):
    first = admin.get("/jobs", X_Fragment="main")

    second = admin.get("/jobs", X_Fragment="main", If_None_Match=first.header("ETag"))

    assert second.status == 304
    assert second.body == b""


def test_pages_lead_through_all_jobs_without_doubles_while_jobs_come(admin, store):
    store.enqueue([new_job() for _ in range(120)], now_ms=NOW_MS)
    url, seen = "/jobs?n=25", []
    while url:
        text = admin.get(url).text
        seen += [int(number) for number in re.findall(r'data-key="j-(\d+)"', text)]
        store.enqueue([new_job()], now_ms=NOW_MS)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        url = found[1].replace("&amp;", "&") if found else ""

    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("queue:mail state:completed", ["mail"]),
        ("exit:1 queue:bad", ["bad"]),
        ("error:%22such+host%22 -queue:again", ["bad"]),
        ("id:later", ["later"]),
        ("worker:1 state:processing", ["run"]),
        ("unwan", ["unwanted"]),
        ("attempts:>=1 -state:completed -queue:run -queue:bad", ["again"]),
    ],
)
def test_the_search_box_finds(admin, busy, query, names):
    text = admin.get(f"/jobs?q={query.replace('>', '%3E')}").text

    found = re.findall(r'data-key="j-(\d+)"', text)
    wanted = {str(busy.get(name, "")) or name for name in names}
    links = set(found) | set(re.findall(r"data-open>([^<]+)</a>", text))
    assert wanted <= links
    assert len(found) == len(names)


def test_an_unknown_qualifier_is_told_and_nothing_is_shown(admin, busy):
    text = admin.get("/jobs?q=colour:red").text

    assert "there is no qualifier &quot;colour:&quot;" in text
    assert "data-row" not in text


def test_a_selection_is_asked_for_with_its_number_and_then_done(admin, store, busy):
    form = {"action": "retry", "all": "1", "state": "dead", "back": "/dead"}
    asked = admin.post("/bulk", form)
    check(asked)
    assert "Retry 1 job?" in asked.text

    done = admin.post("/bulk", form | {"sure": "1"})

    assert done.status == 303
    assert done.header("Location") == "/dead"
    assert store.job_by_number(busy["bad"]).state is State.PENDING


def test_ticked_jobs_are_changed_and_no_others(admin, store, busy):
    chosen = [job.number for job in jobs_of(store, queue="mail", states=(State.PENDING,))][:2]
    form = [("action", "priority"), ("priority", "9"), ("sure", "1")]
    body = "&".join(f"{k}={v}" for k, v in [*form, *(("number", n) for n in chosen)])

    admin.send("POST", "/bulk", body.encode(), FORM_HEADERS)

    assert {job.number for job in jobs_of(store) if job.priority == 9} == set(chosen)


FORM_HEADERS = {
    "Content_Type": "application/x-www-form-urlencoded",
    "Sec_Fetch_Site": "same-origin",
}


def test_jobs_that_come_after_the_question_are_not_meant(admin, store, busy):
    form = {"action": "cancel", "all": "1", "q": "queue:again"}
    asked = admin.post("/bulk", form).text
    below = re.search(r'name="below" value="(\d+)"', asked)[1]
    (late,) = store.enqueue([new_job(queue="again")], now_ms=NOW_MS)

    admin.post("/bulk", form | {"sure": "1", "below": below})

    assert store.job_by_number(late.number).state is State.PENDING
    assert store.job_by_number(busy["again"]).state is State.CANCELLED


def test_many_jobs_are_left_to_an_operation(admin, store, browser):
    store.enqueue([new_job() for _ in range(2_100)], now_ms=NOW_MS - 10)

    done = admin.post("/bulk", {"action": "cancel", "all": "1", "sure": "1"})

    assert done.header("Location") == "/operations"
    operations = browser.app.context.operations
    operations.wait(operations.all()[0].id)
    page = admin.get("/operations")
    check(page)
    assert "2,100 of 2,100" in page.text


def test_a_group_of_dead_jobs_is_retried_by_its_cause(admin, store, busy):
    page = admin.get("/dead").text
    cause = re.search(r'name="cause" value="([^"]+)"', page)[1]
    assert cause == "no such host"

    admin.post("/bulk", {"action": "retry", "all": "1", "cause": cause, "sure": "1"})

    assert jobs_of(store, states=(State.DEAD,)) == []
    assert "No dead jobs" in admin.get("/dead").text


def test_deleting_a_job_and_stopping_a_running_one_are_asked_for(admin, store, busy):
    for number, action in ((busy["bad"], "remove"), (busy["run"], "cancel")):
        asked = admin.post(f"/jobs/{number}", {"action": action})
        check(asked)
        assert asked.status == 200
        before = store.job_by_number(number)
        assert before is not None
        assert not before.cancel_requested

        assert admin.post(f"/jobs/{number}", {"action": action, "sure": "1"}).status == 303

    assert store.job_by_number(busy["bad"]) is None
    assert store.job_by_number(busy["run"]).cancel_requested


def test_a_copy_of_a_job_does_the_same_work_under_a_number_of_its_own(admin, store, busy):
    number = jobs_of(store, queue="default")[0].number

    response = admin.post(f"/jobs/{number}/copy")

    copy = store.job_by_number(int(response.header("Location").rpartition("/")[2]))
    assert (copy.command, copy.env, copy.id) == ("./later", {"KEY": "secret-value"}, None)


def test_a_link_with_a_number_never_leads_to_a_text_id(admin, store):
    store.enqueue([new_job("./first"), new_job("./named", id="1")], now_ms=NOW_MS)

    assert "./first" in admin.get("/jobs/1").text


def test_limits_are_shown_and_set_on_the_page(admin, store, busy):
    fields = {"queue": "bad", "concurrency": "2", "rate": "10/m", "max_pending": ""}

    admin.post("/queues/limit", fields)

    (standing,) = store.standings()
    assert standing.limits == Limits(2, Rate(10, 60_000))
    text = admin.get("/queues").text
    assert "Limits: 2 at once, 10/m started" in text
    assert admin.post("/queues/limit", {"queue": "bad", "rate": "often"}).status == 422
    admin.post("/queues/limit", {"queue": "bad"})
    assert store.standings() == []


def test_queues_are_paused_by_name_and_go_on(admin, store, busy):
    admin.post("/queues/pause", {"queue": "bad", "reason": "look first"})
    pause = next(one for one in store.pauses() if one.queue == "bad")
    assert (pause.by, pause.reason) == ("admin", "look first")

    admin.post("/queues/resume", {"queue": "bad"})

    assert [one.queue for one in store.pauses()] == ["mail"]


def test_the_form_adds_a_job_and_tells_what_is_wrong(admin, store):
    wrong = admin.post("/enqueue", {"command": "./it", "priority": "99"})
    assert wrong.status == 422
    assert "priority must be a whole number" in wrong.text
    check(wrong)

    right = admin.post(
        "/enqueue", {"command": "./it", "priority": "9", "tags": "a, b", "on_crash": ON_CRASH[2]}
    )

    job = jobs_of(store)[0]
    assert right.header("Location") == f"/jobs/{job.number}"
    assert (job.command, job.priority, job.tags, job.on_crash) == ("./it", 9, ("a", "b"), "hold")


@pytest.mark.parametrize(("role", "shown"), [("read", False), ("operate", False), ("admin", True)])
def test_values_of_the_environment_are_for_those_who_could_set_them(client, busy, role, shown):
    text = client(role).get("/jobs/later").text

    assert ("secret-value" in text) == shown
    assert "KEY" in text


def test_who_may_only_look_sees_no_button_that_changes_anything(client, busy):
    reader = client("read")

    for url in (*PAGES[:-1], f"/jobs/{busy['bad']}", f"/jobs/{busy['run']}"):
        outline = check(reader.get(url))
        posts = [
            form for form in outline.all("form") if (form.get("method") or "get").lower() == "post"
        ]
        assert {form["action"] for form in posts} <= {"/logout", "/bulk"}, url
        assert not [one for one in outline.all("button") if one.get("name") == "action"], url


def test_read_only_shows_an_admin_no_button_either(make_browser, client, busy):
    admin = client("admin", make_browser(read_only=True).app)

    for url in (*PAGES, f"/jobs/{busy['bad']}"):
        response = admin.get(url)
        posts = re.findall(r'<form method="post" action="([^"]+)"', response.text)
        assert set(posts) <= {"/logout", "/bulk", "/enqueue"}, url
        assert 'name="action"' not in response.text

    assert admin.post("/enqueue", {"command": "true"}).status in {404, 405}


def test_a_base_path_begins_every_link(make_browser, client, busy):
    browser = make_browser(base_path="/queue")
    admin = client("admin", browser.app)

    for url in (*PAGES, f"/jobs/{busy['bad']}"):
        outline = check(admin.get("/queue" + url))
        for tag, attrs in outline.found:
            for name in ("href", "action", "src", "data-from"):
                link = attrs.get(name)
                assert link is None or link.startswith(("/queue/", "#")), (url, tag, link)


def test_output_comes_in_parts_and_says_when_it_ends(admin, busy, home):
    write_output(home, busy["run"], b"one\ntw")

    first = Outline(admin.get(f"/jobs/{busy['run']}/output", X_Fragment="main").text)
    part = first.all("span")[0]
    assert part["data-next"] == "6"
    assert "data-unfinished" in part
    assert "data-ended" not in part

    ended = admin.get(f"/jobs/{busy['bad']}/output", X_Fragment="main").text
    assert "data-ended" in ended
    assert '<span class="fg1">red</span>' in ended


def test_all_output_can_be_had_as_it_was_written(admin, busy):
    response = admin.get(f"/jobs/{busy['bad']}/output.txt")

    assert response.text == "\x1b[31mred\x1b[0m\n"
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert "attachment" in response.header("Content-Disposition")


def test_stderr_is_marked(admin, busy, home):
    write_output(home, busy["mail"], b"oops\n", stream=STDERR)

    assert '<span class="l e">oops</span>' in admin.get(f"/jobs/{busy['mail']}").text


def test_all_jobs_of_a_filter_can_be_had_as_lines_of_json(admin, busy):
    response = admin.get("/jobs.ndjson?q=queue:mail")

    assert len(response.text.splitlines()) == 5
    assert '"queue": "mail"' in response.text


def test_a_token_is_made_shown_once_and_revoked(admin, store):
    made = admin.post("/settings/tokens", {"name": "ci", "role": "read"})
    check(made)
    assert re.search(r"qctl_[\w-]{40,}", made.text)

    assert "qctl_" not in admin.get("/settings").text
    admin.post("/settings/tokens/remove", {"name": "ci"})

    assert [token.name for token in store.access().tokens()] == ["admin"]


def test_a_hook_is_added_by_an_admin_shown_and_removed(admin, store):
    form = {"event": "slow", "over": "10m", "every": "1h", "command": "tell <b>"}

    assert admin.post("/settings/hooks", form).status == 303
    page = admin.get("/settings")
    check(page)
    assert "tell &lt;b&gt;" in page.text
    admin.post("/settings/hooks/remove", {"name": "slow"})

    assert store.hooks().all() == []
