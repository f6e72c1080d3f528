"""`queuectl web` and `web token`, as far as they do not serve: tests/web/test_server.py does."""

from __future__ import annotations

import pytest

from queuectl_core.cli import web
from queuectl_core.services import tokens


def test_a_token_is_its_lines_last_word_and_told_once(run, store, clock):
    secret = run("web", "token", "add", "ann", "--role", "operate").out.split()[-1]

    assert tokens.owner(store, secret, now_ms=clock.now_ms()).role == "operate"
    assert secret not in run("web", "token", "list").out
    assert run("-q", "web", "token", "add", "bob").out.startswith(tokens.PREFIX)
    assert run("web", "token", "add", "cy", "--json").records[0]["role"] == "read"


def test_tokens_are_listed_and_taken_back(run):
    assert run("web", "token", "list").err.startswith("no tokens\n")
    run("web", "token", "add", "ann")

    assert [one["name"] for one in run("web", "token", "list", "--json").records] == ["ann"]
    assert run("web", "token", "rm", "ann").out == "Removed token ann\n"
    assert run("web", "token", "rm", "ann").code == 4


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add", "a b"], 65),
        (["add", ""], 65),
        (["add", "ann", "--role", "root"], 65),
        (["add"], 64),
        (["ad", "ann"], 64),
        ([], 64),
    ],
)
def test_a_wrong_token_verb_is_refused(run, words, code):
    assert run("web", "token", *words).code == code


def test_a_name_is_given_once(run):
    run("web", "token", "add", "ann")

    again = run("web", "token", "add", "ann", "--role", "admin")

    assert again.code == 1
    assert "web token rm ann" in again.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--port", "x"], 64),
        (["--port", "65536"], 64),
        (["--socket", "x", "--port", "1"], 64),
        (["--base-path", "/a b"], 64),
        (["--base-path", "/../x"], 64),
        (["--host", "0.0.0.0", "--port", "0"], 77),
        (["--host", "192.0.2.1", "--no-auth"], 77),
        (["--healthcheck", "--port", "1"], 69),
    ],
)
def test_a_wrong_way_to_serve_is_refused(run, words, code):
    done = run("web", *words)

    assert (done.code, done.out) == (code, "")
    assert done.err.splitlines()[1].startswith("hint: ")


@pytest.mark.parametrize(
    ("text", "path"), [("", ""), ("/", ""), ("queue", "/queue"), ("/a/b-c_d.e/", "/a/b-c_d.e")]
)
def test_a_base_path_has_a_slash_before_and_none_behind(text, path):
    assert web._base_path(text) == path
