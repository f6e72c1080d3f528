"""The one gate: every route, every role, every method; hosts, origins, forms, headers."""

from __future__ import annotations

import re

import pytest

from queuectl_core.web.app import make_app
from queuectl_core.web.facts import SAFE, Role
from queuectl_core.web.security import HEADERS
from tests.builders import new_job
from tests.web.browser import Browser

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
LIVE = [Role.READ, Role.OPERATE, Role.ADMIN]


def url_of(route) -> str:
    return re.sub(r"<\w+>", "1", route.path)


@pytest.fixture
def add_job(store, clock):
    store.enqueue([new_job()], now_ms=clock.now_ms())


def refused(response) -> bool:
    """Tell whether the gate let nobody in."""
    location = response.header("Location") or ""
    return response.status in {401, 403} or "/login" in location


def test_whoever_is_not_known_gets_nothing_but_the_door_and_the_probes(browser):
    for route in browser.app.table.routes:
        response = browser.send(route.method, url_of(route), headers={"Content_Type": "x"})

        door = route.path in {"/login", "/logout"}
        assert refused(response) == (route.role is not Role.PUBLIC) or door, route


@pytest.mark.parametrize("role", LIVE)
def test_every_route_is_open_to_its_role_and_those_above_alone(browser, client, add_job, role):
    program = client(role)

    for route in browser.app.table.routes:
        if route.role is Role.PUBLIC:
            continue
        response = program.send(
            route.method, url_of(route), b"{}", {"Content_Type": "application/json"}
        )

        assert (response.status == 403) == (not role.may(route.role)), (route, response)
        assert response.status not in {401, 500}, (route, response)


def test_a_method_without_a_row_is_never_answered(browser, client):
    program = client("admin")
    rows = {(route.method, route.path) for route in browser.app.table.routes}

    for route in browser.app.table.routes:
        for method in METHODS:
            known = "GET" if method == "HEAD" else method
            if (known, route.path) not in rows:
                assert program.send(method, url_of(route)).status == 405, (method, route)


def test_every_row_says_who_may(browser):
    for route in browser.app.table.routes:
        assert isinstance(route.role, Role)
        assert route.method in SAFE or route.role is not Role.READ, route


def test_read_only_has_no_row_that_changes_anything(make_browser):
    app = make_browser(read_only=True).app

    changing = {route.path for route in app.table.routes if route.method not in SAFE}

    assert changing == {"/login", "/logout"}


def test_in_read_only_mode_an_admin_changes_nothing(make_context, client):
    program = client("admin", make_app(make_context(read_only=True)))

    assert program.send_json("POST", "/api/v1/jobs", {"command": "true"}).status == 405
    assert program.get("/api/v1/jobs").json["items"] == []


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil", "[::2]", "0.0.0.0"]
)
def test_no_route_answers_under_another_name(browser, client, host):
    program = client("admin")
    program.host = host

    for route in browser.app.table.routes:
        response = program.send(route.method, url_of(route))

        assert response.status == 421, route
        assert host not in response.text or not host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:5000", "LOCALHOST:80", "[::1]:5000"])
def test_our_own_names_are_answered(browser, host):
    browser.host = host

    assert browser.get("/healthz").text == "ok\n"


def test_on_an_open_address_numbers_are_fine_and_names_are_not(make_browser):
    browser = make_browser(any_address=True, hosts=("queue.example",))
    answers = {}
    for browser.host in ("10.0.0.7:80", "[fe80::1]", "queue.example", "evil.example"):
        answers[browser.host] = browser.get("/healthz").status

    assert list(answers.values()) == [200, 200, 200, 421]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:5001"},
    ],
)
def test_another_sites_page_changes_nothing(browser, client, headers):
    program = client("admin")

    for route in browser.app.table.routes:
        if route.method not in SAFE:
            body = {"Content_Type": "application/json", **headers}
            assert program.send(route.method, url_of(route), b"{}", body).status == 403, route


def test_a_form_of_our_own_page_passes_by_origin_too(browser, token):
    response = browser.send(
        "POST",
        "/login",
        f"token={token('read')}".encode(),
        {
            "Content_Type": "application/x-www-form-urlencoded",
            "Origin": "http://127.0.0.1:5000",
        },
    )

    assert response.status == 303


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/jobs", "/api/v1/x", "/healthz", "/login"]
)
def test_every_answer_has_the_headers(browser, path):
    for host in ("127.0.0.1", "evil.example"):
        browser.host = host
        headers = browser.get(path).headers

        assert set(HEADERS) <= set(headers)
        assert len([name for name, _ in headers if name == "Content-Security-Policy"]) == 1


def test_the_policy_allows_nothing_inline(browser):
    policy = browser.get("/login").header("Content-Security-Policy")

    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "*" not in policy


def test_errors_have_the_language_of_the_asker(browser, client):
    program = client("read")

    assert program.get("/api/v1/nothing").header("Content-Type") == "application/problem+json"
    assert program.get("/nothing").header("Content-Type").startswith("text/html")
    assert browser.get("/metrics").header("Content-Type").startswith("text/plain")
    assert browser.get("/metrics").header("WWW-Authenticate").startswith("Bearer")


def test_a_large_body_is_not_read(browser):
    headers = {"Content_Length": str((1 << 20) + 1)}

    assert browser.send("POST", "/login", b"x", headers).status == 413


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999999999999999999"])
def test_a_false_length_is_refused(browser, length):
    headers = {"Content_Length": length}

    assert browser.send("POST", "/login", b"x", headers).status in {413, 422}


@pytest.mark.parametrize("url", ["/jobs?x=%ff", "/\udcff", "/jobs?" + "a=1&" * 3000])
def test_what_is_no_text_is_refused(browser, url):
    environ_path = url.encode("utf-8", "surrogateescape").decode("latin-1")

    response = browser.send("GET", environ_path if "?" not in url else url)

    assert response.status in {422, 303, 404}


def test_an_unexpected_error_tells_a_number_and_no_more(make_context, client, monkeypatch):
    context = make_context()
    program = client("read", make_app(context))
    monkeypatch.setattr(context, "store", lambda: 1 / 0)

    response = program.get("/api/v1/jobs")

    assert response.status == 500
    assert response.header("X-Request-Id") in response.json["detail"]
    assert "division" not in response.text


def test_a_dashboard_below_a_path_answers_there_alone(make_browser):
    browser = make_browser(base_path="/queue")

    assert browser.get("/queue/healthz").status == 200
    assert browser.get("/healthz").status == 404
    assert browser.get("/queuex/healthz").status == 404
    assert browser.get("/queue/jobs").header("Location") == "/queue/login?next=/jobs"


def test_without_login_only_our_own_pages_and_json_change_anything(make_browser):
    browser = make_browser(no_auth=True)

    assert browser.get("/api/v1/jobs").status == 200
    assert browser.send_json("POST", "/api/v1/jobs", {"command": "true"}).status == 201
    assert browser.post("/api/v1/jobs/1/cancel").status == 403
    plain = {"Content_Type": "text/plain"}
    assert browser.send("POST", "/api/v1/jobs", b'{"command":"x"}', plain).status == 403


def test_peers_are_told_apart_by_their_address_alone(browser):
    other = Browser(browser.app, peer="10.0.0.9")
    for _ in range(6):
        browser.post("/login", {"token": "qctl_wrong"})

    assert browser.post("/login", {"token": "qctl_wrong"}).status == 429
    assert other.post("/login", {"token": "qctl_wrong"}).status == 403


def test_what_has_not_changed_is_said_in_few_bytes(client):
    program = client("read")
    tag = program.get("/jobs", X_Fragment="main").header("ETag")

    same = program.get("/jobs", X_Fragment="main", If_None_Match=tag)

    assert (same.status, same.body) == (304, b"")
    assert sum(len(name) + len(value) + 4 for name, value in same.headers) < 200
    assert same.header("Cache-Control") == "private, no-cache"
    assert same.header("ETag") == tag
