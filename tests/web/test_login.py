"""How people get in, stay in and are put out."""

from __future__ import annotations

import os
import stat

import pytest

from queuectl_core.services import tokens
from queuectl_core.web import sessions
from queuectl_core.web.app import make_app
from queuectl_core.web.auth import Role
from tests.web.browser import Browser
from tests.web.conftest import KEY

HOUR_MS = 3_600_000


@pytest.fixture
def context(make_context):
    return make_context()


@pytest.fixture
def browser(context):
    return Browser(make_app(context))


def log_in(browser, secret):
    return browser.post("/login", {"token": secret, "next": "/jobs?state=dead"})


def is_in(browser):
    return browser.get("/api/v1/stats").status == 200


def csrf_of(browser):
    """Return the token of the forms, as a page says it."""
    session = sessions.opened(
        browser.cookies[sessions.cookie_name(KEY)], KEY, now_ms=browser.app.context.clock.now_ms()
    )
    return sessions.mac(KEY, "csrf", session.id)


def test_the_link_lets_in_once(browser, context):
    link = f"/login?code={context.invitation.write()}"

    first = browser.get(link)
    second = Browser(browser.app).get(link)

    assert (first.status, first.header("Location")) == (303, "/")
    assert is_in(browser)
    assert second.status == 403
    assert second.header("Set-Cookie") is None


def test_looking_at_the_headers_of_the_link_does_not_use_it_up(browser, context):
    link = f"/login?code={context.invitation.write()}"

    assert browser.send("HEAD", link).status == 200
    assert browser.get(link).status == 303


def test_a_new_link_makes_the_one_before_void(browser, context):
    old = context.invitation.write()
    context.invitation.write()

    assert browser.get(f"/login?code={old}").status == 403


def test_who_has_a_token_goes_on_where_he_wanted(browser, token):
    response = log_in(browser, token("read"))

    assert (response.status, response.header("Location")) == (303, "/jobs?state=dead")
    assert is_in(browser)


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\r\nX: y"]
)
def test_nobody_is_led_to_another_site(browser, token, where):
    response = browser.post("/login", {"token": token("read"), "next": where})

    assert response.header("Location") == "/"


def test_where_to_go_on_may_have_any_letters(browser, token):
    response = browser.post("/login", {"token": token("read"), "next": "/jobs?grep=ä&x=%20"})

    assert response.header("Location") == "/jobs?grep=%C3%A4&x=%20"


def test_the_cookie_is_out_of_reach(browser, token):
    cookie = log_in(browser, token("read")).header("Set-Cookie")

    for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert word in cookie
    assert token("operate") not in cookie


def test_over_https_the_cookie_is_secure(browser, token, context):
    facts = sessions.set_cookie("a", "b", path="", secure=True, age_s=1)

    assert facts[1].endswith("; Secure")


@pytest.mark.parametrize("secret", ["", "qctl_", "qctl_wrong", "wrong", "x" * 9999, "qctl_\udc00"])
def test_a_wrong_token_lets_nobody_in(browser, token, secret):
    token("read")

    response = browser.post("/login", {"token": secret.encode("utf-8", "replace").decode()})

    assert response.status == 403
    assert not is_in(browser)


def test_the_hash_is_no_token(browser, token, store):
    token("read")
    program = Browser(browser.app)
    program.headers["Authorization"] = "Bearer " + tokens._hash("x")

    assert program.get("/api/v1/stats").status == 401


def test_after_five_wrong_tokens_an_address_waits_a_minute(browser, token, clock):
    secret = token("read")
    for _ in range(5):
        assert log_in(browser, "qctl_wrong").status == 403

    held = log_in(browser, secret)
    clock.advance(60_000)

    assert (held.status, held.header("Retry-After")) == (429, "60")
    assert log_in(browser, secret).status == 303


def test_programs_that_guess_wait_too_and_others_do_not(browser, client, token):
    wrong = Browser(browser.app)
    wrong.headers["Authorization"] = "Bearer qctl_wrong"
    good = client("read")

    answers = [wrong.get("/api/v1/stats").status for _ in range(6)]

    assert answers == [401] * 5 + [429]
    assert good.get("/api/v1/stats").status == 200


def test_a_session_lasts_twelve_hours_after_its_last_use(browser, token, clock):
    log_in(browser, token("read"))
    clock.advance(11 * HOUR_MS)
    assert is_in(browser)
    clock.advance(11 * HOUR_MS)
    assert is_in(browser)

    clock.advance(12 * HOUR_MS)

    assert not is_in(browser)


def test_no_session_lasts_for_ever(browser, token, clock):
    log_in(browser, token("read"))
    for _ in range(17):
        clock.advance(10 * HOUR_MS)
        seen = is_in(browser)

    assert not seen


def test_a_removed_token_puts_its_sessions_out(browser, token, store, clock):
    log_in(browser, token("operate", "ann"))
    tokens.remove(store, "ann", by="test", now_ms=clock.now_ms())
    assert not is_in(browser)

    clock.advance(1)
    token("admin", "ann")

    assert not is_in(browser)


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_cookie_that_was_touched_is_worth_nothing(browser, token, place):
    log_in(browser, token("read"))
    name = sessions.cookie_name(KEY)
    letters = list(browser.cookies[name])
    letters[place] = "B" if letters[place] == "A" else "A"
    browser.cookies[name] = "".join(letters)

    assert not is_in(browser)


def test_a_cookie_for_one_purpose_does_not_serve_another(browser):
    session = sessions.begin("", Role.ADMIN, now_ms=0)
    text = "|".join(str(field) for field in session)

    assert sessions.unseal(KEY, "session", sessions.seal(KEY, "notice", text)) is None


def test_a_form_needs_the_token_of_its_session(browser, token):
    log_in(browser, token("admin"))
    url = "/api/v1/queues/mail/pause"

    without = browser.send_json("POST", url, {})
    wrong = browser.send_json("POST", url, {}, X_CSRF_Token="0" * 64)
    right = browser.send_json("POST", url, {}, X_CSRF_Token=csrf_of(browser))

    assert [one.status for one in (without, wrong, right)] == [403, 403, 200]


def test_logging_out_takes_the_cookie_away(browser, token):
    log_in(browser, token("read"))

    response = browser.post("/logout")

    assert response.header("Location") == "/login"
    assert browser.cookies == {}


def test_what_people_change_is_noted_with_their_name(browser, token, store, client):
    log_in(browser, token("operate", "ann"))
    browser.send_json("POST", "/api/v1/queues/mail/pause", {}, X_CSRF_Token=csrf_of(browser))

    noted = [(one.actor, one.action, one.subject) for one in store.access().audits(limit=9)]

    assert ("ann", "POST /api/v1/queues/<name>/pause", "mail") in noted
    assert ("ann", "login", "") in noted
    assert store.pauses()[0].by == "ann"


def test_the_key_is_made_once_and_for_the_owner_alone(home):
    first = sessions.read_key(home)
    path = os.path.join(home.path, sessions.KEY_FILE)

    assert len(first) == 32
    assert sessions.read_key(home) == first
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(home.path) == [sessions.KEY_FILE]


def test_a_key_that_is_a_link_is_not_followed(home, tmp_path):
    (tmp_path / "key").write_bytes(b"x" * 32)
    os.symlink(tmp_path / "key", os.path.join(home.path, sessions.KEY_FILE))

    with pytest.raises(Exception, match="web"):
        sessions.read_key(home)


def test_no_secret_is_in_a_page_or_an_answer(browser, token, store):
    secret = token("admin")
    log_in(browser, secret)

    for path in ("/api/v1/tokens", "/api/v1/audits", "/settings", "/"):
        assert secret not in browser.get(path).text
