"""Tokens, audit entries and kept answers: storage/access.py."""

from __future__ import annotations

from queuectl_core.storage.access_records import Kept, Token
from queuectl_core.storage.sqlite import access
from tests.builders import NOW_MS

DAY_MS = 86_400_000


def test_a_token_is_found_by_its_hash_alone(store, open_another):
    assert store.access().add_token("ann", "read", "abc", now_ms=NOW_MS) is True

    found = open_another().access().token("abc")

    assert found == Token("ann", "read", NOW_MS, None)
    assert store.access().token("ann") is None


def test_a_name_belongs_to_one_token(store):
    store.access().add_token("ann", "read", "abc", now_ms=NOW_MS)

    assert store.access().add_token("ann", "admin", "def", now_ms=NOW_MS) is False
    assert [token.role for token in store.access().tokens()] == ["read"]


def test_a_removed_token_is_gone(store):
    store.access().add_token("ann", "read", "abc", now_ms=NOW_MS)

    assert store.access().remove_token("ann") is True
    assert store.access().token("abc") is None
    assert store.access().remove_token("ann") is False


def test_the_last_use_of_a_token_is_kept(store):
    store.access().add_token("ann", "read", "abc", now_ms=NOW_MS)

    store.access().note_use("ann", now_ms=NOW_MS + 5)

    assert store.access().tokens()[0].used_at_ms == NOW_MS + 5


def test_audits_come_newest_first_page_by_page(store):
    for number in range(5):
        store.access().note("ann", "pause", f"q{number}", "", now_ms=NOW_MS + number)

    first = store.access().audits(limit=2)
    second = store.access().audits(limit=2, below=first[-1].number)

    assert [one.subject for one in (*first, *second)] == ["q4", "q3", "q2", "q1"]


def test_old_audits_are_forgotten(store, monkeypatch):
    monkeypatch.setattr(access, "MOST_AUDITS", 3)

    for number in range(9):
        store.access().note("ann", "pause", f"q{number}", "", now_ms=NOW_MS)

    assert [one.subject for one in store.access().audits(limit=99)] == ["q8", "q7", "q6"]


def test_a_kept_answer_is_given_again(store, open_another):
    assert store.access().reserve("ann", "k", "hash", now_ms=NOW_MS) is None
    assert open_another().access().reserve("ann", "k", "hash", now_ms=NOW_MS) == Kept(
        "hash", None, None
    )

    store.access().keep("ann", "k", status=201, body=b"{}")

    assert store.access().reserve("ann", "k", "other", now_ms=NOW_MS) == Kept("hash", 201, b"{}")
    assert store.access().reserve("bob", "k", "hash", now_ms=NOW_MS) is None


def test_a_key_that_was_given_up_can_be_used_anew(store):
    store.access().reserve("ann", "k", "hash", now_ms=NOW_MS)

    store.access().give_up("ann", "k")

    assert store.access().reserve("ann", "k", "hash", now_ms=NOW_MS) is None


def test_answers_are_kept_for_a_day(store):
    store.access().reserve("ann", "k", "hash", now_ms=NOW_MS)
    store.access().keep("ann", "k", status=201, body=b"{}")

    assert store.access().reserve("ann", "k", "hash", now_ms=NOW_MS + DAY_MS + 1) is None
