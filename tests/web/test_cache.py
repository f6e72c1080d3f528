"""Figures that are kept for some seconds."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from queuectl_core.web.cache import Memo


@pytest.fixture
def memo(clock):
    return Memo(clock)


def test_a_figure_is_made_once_until_it_is_old(memo, clock):
    made = iter(range(9))

    first = [memo.get("a", 1_000, lambda: next(made)) for _ in range(3)]
    clock.advance(1_000)

    assert first == [0, 0, 0]
    assert memo.get("a", 1_000, lambda: next(made)) == 1
    assert memo.get("b", 1_000, lambda: next(made)) == 2


def test_a_change_makes_it_anew(memo):
    memo.get("a", 1_000, lambda: 1)
    memo.clear()

    assert memo.get("a", 1_000, lambda: 2) == 2


def test_what_was_made_before_a_change_is_not_kept(memo):
    def make():
        memo.clear()  # somebody changes something meanwhile
        return 1

    assert memo.get("a", 1_000, make) == 1
    assert memo.get("a", 1_000, lambda: 2) == 2


def test_who_asks_while_it_is_made_gets_the_one_before(memo, clock):
    begun, go_on = Event(), Event()

    def make():
        begun.set()
        assert go_on.wait(10)
        return 2

    memo.get("a", 1_000, lambda: 1)
    clock.advance(1_000)
    thread = Thread(target=memo.get, args=("a", 1_000, make), name="slow")
    thread.start()
    assert begun.wait(10)

    meanwhile = memo.get("a", 1_000, lambda: 3)

    go_on.set()
    thread.join()
    assert (meanwhile, memo.get("a", 1_000, lambda: 4)) == (1, 2)


def test_what_fails_is_tried_again(memo):
    def fail():
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        memo.get("a", 1_000, fail)

    assert memo.get("a", 1_000, lambda: 1) == 1
