"""The API: what programs ask, and what they are told."""

from __future__ import annotations

import json
import os

import pytest

from queuectl_core import joblog
from queuectl_core.errors import StorageBusy
from queuectl_core.flow import After, Flow, Mutex
from queuectl_core.lifecycle import State
from queuectl_core.services import jobs
from queuectl_core.web.app import make_app
from tests import halves
from tests.builders import NOW_MS, buried, completed, new_job


@pytest.fixture
def program(client):
    return client("admin")


@pytest.fixture
def ended(store, clock):
    """Lead the best due job to its end."""

    def ended(how=completed, **outcome):
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
        halves.finish(store, [how(claim, **outcome)], now_ms=clock.now_ms())

    return ended


def add(store, count=1, **fields):
    store.enqueue([new_job(**fields) for _ in range(count)], now_ms=NOW_MS)


# --- adding ---


def test_a_job_that_is_added_is_there(program, store):
    response = program.send_json(
        "POST", "/api/v1/jobs", {"id": "mail-1", "command": "true", "queue": "mail"}
    )

    assert response.status == 201
    assert response.header("Location") == "/api/v1/jobs/mail-1"
    assert response.json == {
        "id": "mail-1", "number": 1, "created": True, "run_at": jobs.moment(NOW_MS),
    }  # fmt: skip
    assert store.job_by_id("mail-1").queue == "mail"


def test_a_list_is_added_wholly_or_not_at_all(program, store):
    good = [{"command": "true"}, {"argv": ["ls", "-l"]}]

    assert len(program.send_json("POST", "/api/v1/jobs", good).json["items"]) == 2
    assert program.send_json("POST", "/api/v1/jobs", [*good, {"x": 1}]).status == 422
    assert len(store.select().jobs) == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"17", b'{"command":"a","command":"b"}', b"\xff", b'{"a":1}'],
)
def test_what_is_no_job_is_refused_with_the_place(program, body):
    response = program.send(
        "POST", "/api/v1/jobs", body, {"Content_Type": "application/json; charset=utf-8"}
    )

    assert response.status == 422
    assert response.header("Content-Type") == "application/problem+json"
    problem = response.json
    assert problem["type"] == "urn:queuectl:bad-data"
    assert problem["instance"] == f"urn:queuectl:request:{response.header('X-Request-Id')}"


def test_what_is_not_called_json_is_not_taken(program):
    response = program.send("POST", "/api/v1/jobs", b'{"command":"true"}', {"Content_Type": "x"})

    assert response.status == 415


def test_a_second_job_with_an_id_is_a_conflict_unless_it_may_be_skipped(program):
    job = {"id": "one", "command": "true"}
    program.send_json("POST", "/api/v1/jobs", job)

    assert program.send_json("POST", "/api/v1/jobs", job).status == 409
    skipped = program.send_json("POST", "/api/v1/jobs?on_conflict=skip", job)
    assert (skipped.status, skipped.json["created"]) == (200, False)
    assert program.send_json("POST", "/api/v1/jobs?on_conflict=x", job).status == 422


def test_a_request_with_a_key_is_done_once(program, store, make_context, clock):
    key = {"Idempotency_Key": "abc"}
    first = program.send_json("POST", "/api/v1/jobs", {"command": "true"}, **key)
    clock.advance(5_000)
    program.app = make_app(make_context())  # started again in between
    again = program.send_json("POST", "/api/v1/jobs", {"command": "true"}, **key)
    other = program.send_json("POST", "/api/v1/jobs", {"command": "false"}, **key)

    assert (again.status, again.json) == (first.status, first.json)
    assert again.header("Idempotent-Replayed") == "true"
    assert other.status == 422
    assert len(store.select().jobs) == 1


def test_a_refused_request_leaves_its_key_free(program):
    key = {"Idempotency_Key": "abc"}

    assert program.send_json("POST", "/api/v1/jobs/9/retry", {}, **key).status == 404
    assert program.send_json("POST", "/api/v1/jobs", {"command": "true"}, **key).status == 201


def test_a_key_in_use_says_so(program, store, clock):
    store.access().reserve("admin", "abc", "hash", now_ms=clock.now_ms())

    response = program.send_json("POST", "/api/v1/jobs", {"command": "true"}, Idempotency_Key="abc")

    assert response.status == 422
    assert store.select().jobs == []


def test_a_made_token_is_never_kept_as_an_answer(program, store):
    made = program.send_json(
        "POST", "/api/v1/tokens", {"name": "x", "role": "read"}, Idempotency_Key="abc"
    )

    assert made.status == 201
    assert made.header("Cache-Control").count("no-store") == 1
    assert store.access().reserve("admin", "abc", "", now_ms=NOW_MS) is None


# --- lists ---


def test_pages_follow_each_other_without_gap_or_repeat_while_jobs_come(program, store):
    add(store, 7)
    numbers, cursor = [], ""
    while cursor is not None:
        page = program.get(f"/api/v1/jobs?limit=3&cursor={cursor}").json
        numbers += [job["number"] for job in page["items"]]
        cursor = page["next"]
        add(store)

    assert numbers == [7, 6, 5, 4, 3, 2, 1]


def test_a_page_has_two_hundred_at_most(program, store):
    add(store, 210)

    assert len(program.get("/api/v1/jobs?limit=9999").json["items"]) == 200
    assert len(program.get("/api/v1/jobs").json["items"]) == 50
    assert len(program.get("/api/v1/jobs?limit=0").json["items"]) == 1


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "cursor=x", "cursor=bjw4OTk5", "state=ded", "queue=a/b",
              "since=never", "grep=" + "x" * 1001, "cursor=" + "9" * 400]
)  # fmt: skip
def test_what_makes_no_sense_in_a_query_is_refused(program, query):
    response = program.get(f"/api/v1/jobs?{query}")

    assert response.status in {200, 422}
    assert response.status == 422 or query == "cursor=bjw4OTk5"


def test_the_words_of_list_select(program, store, ended):
    add(store, queue="mail", command="send a")
    ended(buried)
    add(store, queue="other")

    def numbers(query):
        return [job["number"] for job in program.get(f"/api/v1/jobs?{query}").json["items"]]

    assert numbers("state=dead") == [1]
    assert numbers("queue=other") == [2]
    assert numbers("grep=SEND") == [1]
    assert numbers("state=dead,pending") == [2, 1]


def test_a_record_is_what_the_command_line_prints(program, store):
    add(store, env={"A": "b"}, tags=("x",))

    assert program.get("/api/v1/jobs/1").json == json.loads(
        json.dumps(jobs.record(store.job_by_number(1)))
    )


def test_only_who_may_set_it_sees_the_values_of_an_environment(client, store):
    add(store, env={"API_KEY": "s3cret"})

    for role in ("read", "operate"):
        program = client(role)
        for path in ("/api/v1/jobs", "/api/v1/jobs/1"):
            assert "s3cret" not in program.get(path).text
            assert "API_KEY" in program.get(path).text


# --- one job ---


def test_a_job_that_waits_can_be_edited_if_nobody_else_did(program, store):
    add(store)
    tag = program.get("/api/v1/jobs/1").header("ETag")

    first = program.send_json("PATCH", "/api/v1/jobs/1", {"priority": 9}, If_Match=tag)
    second = program.send_json("PATCH", "/api/v1/jobs/1", {"priority": 1}, If_Match=tag)

    assert (first.status, first.json["priority"]) == (200, 9)
    assert second.status == 412
    assert store.job_by_number(1).priority == 9


@pytest.mark.parametrize("body", [{}, {"state": "dead"}, {"priority": 11}, {"priority": "9"}])
def test_a_wrong_edit_changes_nothing(program, store, body):
    add(store)

    assert program.send_json("PATCH", "/api/v1/jobs/1", body).status == 422


def test_null_gives_a_field_its_default_back(program, store):
    add(store, priority=9)

    assert program.send_json("PATCH", "/api/v1/jobs/1", {"priority": None}).json["priority"] == 5


def test_a_job_is_cancelled_retried_and_removed(program, store):
    add(store)

    assert program.send("POST", "/api/v1/jobs/1/cancel").json["state"] == "cancelled"
    assert program.send("POST", "/api/v1/jobs/1/cancel").status == 200
    assert program.send("POST", "/api/v1/jobs/1/retry").json["state"] == "pending"
    assert program.send("DELETE", "/api/v1/jobs/1").status == 409
    program.send("POST", "/api/v1/jobs/1/cancel")
    gone = program.send("DELETE", "/api/v1/jobs/1")
    assert (gone.status, gone.body) == (204, b"")
    assert program.get("/api/v1/jobs/1").status == 404


def test_a_job_is_held_and_let_go(program, store):
    add(store)

    assert program.send("POST", "/api/v1/jobs/1/hold").json["reason"] == "held"
    assert program.get("/api/v1/jobs/1/why").json["why"] == "held"
    assert program.send("POST", "/api/v1/jobs/1/release").json["reason"] is None
    assert program.send("POST", "/api/v1/jobs/1/release").status == 409


def test_relations_are_told_from_both_sides(program, store, ended):
    add(store, id="one", flow=Flow(mutex=Mutex("db")))
    add(store, id="two", flow=Flow(after=(After("one", "any"),), mutex=Mutex("db")))

    up = program.get("/api/v1/jobs/two/relations").json
    down = program.get("/api/v1/jobs/one/relations").json

    relative = {"id": "one", "number": 1, "state": "pending", "condition": "any"}
    assert (up["parents"], up["children"]) == ([relative], [])
    assert [one["id"] for one in down["children"]] == ["two"]
    ended(buried)
    (parent,) = program.get("/api/v1/jobs/two/relations").json["parents"]
    assert parent["state"] == "dead"
    assert program.get("/api/v1/jobs/one/relations").json["children"] == []


def test_a_copy_keeps_the_mutex_and_waits_for_nothing(program, store):
    add(store, id="one")
    add(store, flow=Flow(after=(After("one"),), mutex=Mutex("db", 2), hold=True))

    made = store.job_by_number(program.send("POST", "/api/v1/jobs/2/run-copy").json["number"])

    assert (made.mutex, made.mutex_slots, made.after, made.blocked) == ("db", 2, None, None)


def test_a_copy_does_the_same_under_another_name(program, store):
    add(store, id="one", argv=("printf", "a b"), queue="mail", priority=8)

    copy = program.send("POST", "/api/v1/jobs/one/run-copy")

    assert copy.status == 201
    made = store.job_by_number(copy.json["number"])
    assert (made.id, made.argv, made.queue, made.priority) == (None, ("printf", "a b"), "mail", 8)


def test_attempts_and_the_reason_are_told(program, store, ended):
    add(store)
    ended(buried, error="disk full")

    (attempt,) = program.get("/api/v1/jobs/1/attempts").json["items"]

    assert (attempt["attempt"], attempt["error"]) == (1, "disk full")
    assert program.get("/api/v1/jobs/1/why").json["why"] == "dead"


@pytest.fixture
def output(store, ended, make_context):
    """A job that has written `<b>hi</b>` and ended."""
    add(store)
    logs_dir = make_context().logs_dir
    os.mkdir(logs_dir)
    path = joblog.log_path(logs_dir, 1, 1)
    writer = joblog.JobLogWriter(path, head_bytes=1000, tail_bytes=1000)
    writer.write("o", b"<b>hi</b>\n", NOW_MS)
    writer.close()
    ended()


def test_output_comes_as_text_to_keep_never_as_a_page(program, output):
    response = program.get("/api/v1/jobs/1/attempts/1/output")

    assert response.body == b"<b>hi</b>\n"
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.header("Content-Disposition").startswith("attachment")


def test_output_is_followed_byte_by_byte(program, output):
    ask = "/api/v1/jobs/1/attempts/1/output?limit=4&offset="
    text, offset, eof = "", 0, False
    while not eof:
        piece = program.get(f"{ask}{offset}", Accept="application/json").json
        text, offset, eof = text + piece["text"], piece["next_offset"], piece["eof"]

    assert text == "<b>hi</b>\n"


@pytest.mark.parametrize("attempt", ["0", "2", "x", "-1", "..", "1e9", "9" * 30])
def test_there_is_no_output_of_what_did_not_start(program, output, attempt):
    assert program.get(f"/api/v1/jobs/1/attempts/{attempt}/output").status == 404


@pytest.mark.parametrize("job", ["9", "x", "..%2f..", "%00", "a/b", "'"])
def test_an_unknown_job_is_not_found(program, job):
    assert program.get(f"/api/v1/jobs/{job}").status == 404


# --- the rest ---


def test_limits_of_a_queue_are_set_and_taken_away(program, store):
    limits = {"concurrency": 2, "rate": "10/m", "max_pending": 1}

    set_ = program.send_json("PATCH", "/api/v1/queues/mail", limits)

    assert {name: set_.json[name] for name in limits} == limits
    one = program.send_json("PATCH", "/api/v1/queues/mail", {"rate": None})
    assert (one.json["rate"], one.json["concurrency"]) == (None, 2)
    assert program.send_json("PATCH", "/api/v1/queues/mail", {"rate": "often"}).status == 422
    assert program.send_json("PATCH", "/api/v1/queues/mail", {"speed": 1}).status == 422


def test_a_queue_that_takes_no_more_says_when_to_try_again(program, store):
    job = {"command": "true", "queue": "mail"}
    program.send_json("PATCH", "/api/v1/queues/mail", {"max_pending": 1})
    assert program.send_json("POST", "/api/v1/jobs", job).status == 201

    full = program.send_json("POST", "/api/v1/jobs", job)
    drained = program.send("POST", "/api/v1/queues/mail/drain")
    closed = program.send_json("POST", "/api/v1/jobs", job)

    assert (full.status, closed.status) == (429, 503)
    assert all(
        "retry-after" in {name.lower() for name in dict(one.headers)} for one in (full, closed)
    )
    assert drained.json["draining"]["by"]


def test_queues_can_be_paused_with_a_reason_and_go_on(program, store):
    add(store, queue="mail")

    paused = program.send_json("POST", "/api/v1/queues/mail/pause", {"reason": "smtp"})
    assert paused.json["paused"]["reason"] == "smtp"
    assert paused.json["paused"]["by"] == "admin"
    assert [one["name"] for one in program.get("/api/v1/queues").json["items"]] == ["mail"]
    assert program.send("POST", "/api/v1/queues/mail/resume").json["paused"] is None
    assert program.get("/api/v1/queues/none").status == 404
    assert program.send_json("POST", "/api/v1/queues/mail/pause", {"why": "x"}).status == 422


def test_stats_and_series_count(program, store, ended):
    add(store, 2)
    ended()

    stats = program.get("/api/v1/stats").json
    assert (stats["jobs"]["pending"], stats["jobs"]["completed"]) == (1, 1)
    series = program.get("/api/v1/metrics/series?range=1h").json
    assert sum(series["counts"]["completed"]) == 1
    assert program.get("/api/v1/metrics/series?range=9y").status == 422


def test_dead_letters_are_grouped(program, store, ended):
    for error in ("disk 1 full", "disk 2 full"):
        add(store)
        ended(buried, error=error)

    (group,) = program.get("/api/v1/dead/groups").json["items"]

    assert (group["error"], group["jobs"]) == ("disk N full", 2)


def test_a_bulk_operation_does_it_to_all_selected(program, store, ended):
    for _ in range(3):
        add(store)
        ended(buried)
    wish = {"action": "retry", "filter": {"state": "dead"}}

    dry = program.send_json("POST", "/api/v1/operations", wish | {"dry_run": True}).json
    begun = program.send_json("POST", "/api/v1/operations", wish)
    program.app.context.operations.wait(begun.json["id"])

    assert dry["total"] == 3
    assert begun.status == 202
    done = program.get(begun.header("Location")).json
    assert (done["state"], done["done"], done["total"]) == ("done", 3, 3)
    assert {job.state for job in store.select().jobs} == {State.PENDING}
    assert ("admin", "bulk retry", "state:dead") in [
        (one.actor, one.action, one.subject) for one in store.access().audits(limit=9)
    ]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"action": "burn"},
        {"action": "retry", "filter": []},
        {"action": "retry", "filter": {"x": "y"}},
        {"action": "retry", "more": 1},
        {"action": "cancel", "filter": {"queue": " "}},
        {"action": "retry", "dry_run": "no"},
        {"action": "remove", "filter": {"state": "pending"}},
    ],
)
def test_a_wrong_wish_does_nothing(program, store, wish):
    add(store)

    assert program.send_json("POST", "/api/v1/operations", wish).status in {400, 422}
    assert program.get("/api/v1/operations").json["items"] == []


def test_tokens_are_made_told_once_and_taken_back(program, client):
    made = program.send_json("POST", "/api/v1/tokens", {"name": "bob", "role": "operate"}).json
    program.headers["Authorization"] = f"Bearer {made['token']}"

    assert program.get("/api/v1/stats").status == 200
    assert program.get("/api/v1/tokens").status == 403


def test_a_hook_is_shown_without_its_variables_and_added_by_an_admin_only(program, client):
    body = {"event": "dead", "argv": ["tell", "me"], "env": {"SECRET": "x"}, "every": "10m"}

    made = program.send_json("POST", "/api/v1/hooks", body)
    (seen,) = client("read").get("/api/v1/hooks").json["items"]

    assert (made.status, made.json["every"], made.json["env"]) == (201, 600, {"SECRET": "x"})
    assert seen["env"] == {"SECRET": "***"}
    assert client("operate").send_json("POST", "/api/v1/hooks", body).status == 403
    assert program.send_json("POST", "/api/v1/hooks", body | {"name": "dead"}).status == 409
    assert program.send_json("POST", "/api/v1/hooks", {"event": "dead"}).status == 422
    assert program.send("DELETE", "/api/v1/hooks/dead").status == 204
    assert program.get("/api/v1/hooks/dead").status == 404


# --- what holds for all ---


def test_what_has_not_changed_is_not_sent_again(program, store):
    add(store)
    first = program.get("/api/v1/jobs/1")

    again = program.get("/api/v1/jobs/1", If_None_Match=f'W/"x", {first.header("ETag")}')

    assert (again.status, again.body) == (304, b"")
    assert program.get("/api/v1/jobs/1", If_None_Match='W/"x"').status == 200


def test_longer_answers_are_packed_for_who_takes_it(program, store):
    add(store, 5)

    packed = program.get("/api/v1/jobs", Accept_Encoding="gzip, br")
    plain = program.get("/api/v1/jobs", Accept_Encoding="gzip;q=0")

    assert packed.header("Content-Encoding") == "gzip"
    assert packed.header("Content-Length") == str(len(packed.body))
    assert plain.header("Content-Encoding") is None
    assert packed.json == plain.json


def test_head_tells_all_but_the_body(program, store):
    add(store)
    got = program.get("/api/v1/jobs/1")

    head = program.send("HEAD", "/api/v1/jobs/1")

    assert head.body == b""
    assert head.header("ETag") == got.header("ETag")
    assert head.header("Content-Length") == got.header("Content-Length")


def test_a_busy_queue_says_when_to_come_again(program, make_context, monkeypatch):
    def busy():
        raise StorageBusy

    monkeypatch.setattr(program.app.context, "store", busy)

    response = program.get("/api/v1/jobs")

    assert (response.status, response.header("Retry-After")) == (503, "2")


def test_events_come_in_their_order_after_a_number(program, store):
    for _ in range(5):
        add(store)

    first = program.get("/api/v1/events?after=0&limit=3").json
    rest = program.get(f"/api/v1/events?after={first['after']}").json

    assert [one["number"] for one in first["items"]] == [1, 2, 3]
    assert [one["number"] for one in rest["items"]] == [4, 5]
    assert program.get(f"/api/v1/events?after={rest['after']}").json["items"] == []


def test_a_request_waits_for_an_event(program, store, clock):
    add(store)

    empty = program.get("/api/v1/events?after=1&wait=20").json

    assert (empty["items"], empty["after"]) == ([], 1)
    assert sum(clock.waits_ms) == 20_000
    add(store)
    assert len(program.get("/api/v1/events?after=1&wait=20").json["items"]) == 1


def test_few_may_wait_at_a_time(program):
    waiters = program.app.context.waiters
    with waiters, waiters:
        response = program.get("/api/v1/events?after=0&wait=5")

    assert (response.status, response.header("Retry-After")) == (503, "2")
    assert program.get("/api/v1/events?after=0&wait=5").status == 200


def test_who_waits_is_let_go_when_the_server_stops(program, clock):
    program.app.context.stopping.set()

    assert program.get("/api/v1/events?after=0&wait=20").json["items"] == []

    assert sum(clock.waits_ms) <= 250
