from __future__ import annotations

import pytest

from queuectl_core.errors import BadData
from queuectl_core.lifecycle import State
from queuectl_core.selection import EVERY, Selection
from queuectl_core.services import selections
from queuectl_core.services.selections import Words
from tests.builders import MINUTE_MS, NOW_MS


def test_no_words_select_everything():
    assert selections.parse(Words(), now_ms=NOW_MS) == EVERY


def test_words_become_what_they_mean():
    words = Words(
        "Dead, failed,dead", "mail", "night", "10m", "2m", "2023-11-14T22:13:20Z", "rsync"
    )

    assert selections.parse(words, now_ms=NOW_MS) == Selection(
        states=(State.DEAD, State.FAILED),
        queue="mail",
        tag="night",
        before_ms=NOW_MS - 10 * MINUTE_MS,
        since_ms=NOW_MS - 2 * MINUTE_MS,
        until_ms=NOW_MS,
        grep="rsync",
    )


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (Words(state="dean"), 'no state "dean"', "did you mean dead"),
        (Words(state="xyz"), 'no state "xyz"', "the states are pending"),
        (Words(state=""), 'no state ""', "the states are"),
        (Words(queue="a b"), 'queue "a b" is not a name', "use 1 to"),
        (Words(tag=""), 'tag "" is not a name', "use 1 to"),
        (Words(older_than="soon"), "not a duration", "examples"),
        (Words(since="soon"), "not a time", "accepted"),
        (Words(grep=""), "1 to 1000 characters", ""),
        (Words(grep="\udcff"), "of UTF-8", ""),
    ],
)
def test_a_wrong_word_is_named(words, message, hint):
    with pytest.raises(BadData, match=message) as caught:
        selections.parse(words, now_ms=NOW_MS)

    assert hint in caught.value.hint


def test_an_order_has_a_name():
    assert selections.parse_order("Run-At") == "run_at"
    with pytest.raises(BadData, match="can't be sorted") as caught:
        selections.parse_order("priorty")
    assert caught.value.hint == "did you mean priority?"
