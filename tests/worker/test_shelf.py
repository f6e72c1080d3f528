from __future__ import annotations

from types import SimpleNamespace

import pytest

from queuectl_core.worker.shelf import LIE_MS, Shelf


def claims(*tokens):
    return [SimpleNamespace(token=token) for token in tokens]


def tokens(taken):
    return [claim.token for claim in taken]


@pytest.fixture
def shelf():
    shelf = Shelf()
    shelf.lay_by(claims(1, 2), 0)
    shelf.lay_by(claims(3), LIE_MS)
    return shelf


def test_the_oldest_claim_is_taken_first_and_then_none_is_left(shelf):
    assert [shelf.take().token for _ in range(3)] == [1, 2, 3]

    assert shelf.take() is None
    assert shelf.is_empty()


def test_only_claims_that_lay_for_too_long_are_stale(shelf):
    assert tokens(shelf.take_stale(LIE_MS - 1)) == []

    assert tokens(shelf.take_stale(LIE_MS)) == [1, 2]
    assert not shelf.is_empty()


def test_all_are_taken_at_once(shelf):
    assert tokens(shelf.take_all()) == [1, 2, 3]

    assert shelf.take() is None


def test_claims_are_withdrawn_by_their_tokens(shelf):
    assert tokens(shelf.withdraw({2, 9})) == [2]

    assert tokens(shelf.take_all()) == [1, 3]


@pytest.mark.parametrize(("laid", "lacking"), [(0, 2), (1, 2), (2, 1), (3, 1)])
def test_each_run_asks_for_one_claim_and_for_two_while_the_shelf_is_low(laid, lacking):
    shelf = Shelf()
    shelf.lay_by(claims(*range(laid)), 0)

    assert shelf.lacks(2) == lacking
