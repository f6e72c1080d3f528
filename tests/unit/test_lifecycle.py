from __future__ import annotations

import pytest

from queuectl_core.lifecycle import (
    CLAIMABLE,
    EVENTS,
    FINAL,
    STATES,
    TRANSITIONS,
    Event,
    State,
    allows,
    states_for,
)

OUT_OF_PROCESSING = {
    Event.COMPLETE, Event.FAIL, Event.BURY, Event.RELEASE, Event.RESCUE, Event.STOP,
}  # fmt: skip


def targets_of(state):
    return {target for sources, target in TRANSITIONS.values() if state in sources}


def test_every_event_has_its_row():
    assert set(TRANSITIONS) == set(EVENTS.values())


def test_no_event_leaves_a_job_in_the_state_it_was_in():
    assert not [event for event, (sources, target) in TRANSITIONS.items() if target in sources]


def test_only_a_claim_starts_a_job():
    starts = [event for event, (_, target) in TRANSITIONS.items() if target is State.PROCESSING]

    assert starts == [Event.CLAIM]


def test_a_running_job_leaves_only_by_its_worker_or_the_workers_death():
    leaves = {event for event, (sources, _) in TRANSITIONS.items() if State.PROCESSING in sources}

    assert leaves == OUT_OF_PROCESSING


@pytest.mark.parametrize("state", FINAL)
def test_a_final_job_comes_back_only_by_a_users_will(state):
    ways = [event for event, (sources, _) in TRANSITIONS.items() if state in sources]

    assert ways == [Event.REVIVE]


@pytest.mark.parametrize("state", STATES.values())
def test_every_state_leads_to_a_final_one(state):
    reached, waiting = {state}, [state]
    while waiting:
        new = targets_of(waiting.pop()) - reached
        reached |= new
        waiting += new

    assert reached & set(FINAL)


def test_every_state_is_claimable_or_running_or_final():
    assert {*CLAIMABLE, State.PROCESSING, *FINAL} == set(STATES.values())
    assert len(CLAIMABLE) + 1 + len(FINAL) == len(STATES.values())


def test_every_state_but_the_first_is_the_target_of_an_event():
    assert {target for _, target in TRANSITIONS.values()} == set(STATES.values())


def test_allows_is_what_the_table_says():
    assert allows(Event.CLAIM, State.FAILED)
    assert not allows(Event.CLAIM, State.PROCESSING)
    assert not allows(Event.CANCEL, State.PROCESSING)
    assert allows(Event.REVIVE, State.DEAD)


def test_states_are_named_for_a_message():
    assert states_for(Event.COMPLETE) == "processing"
    assert states_for(Event.CANCEL) == "pending or failed"


@pytest.mark.parametrize(("text", "word"), [*STATES.items(), *EVENTS.items()])
def test_a_state_or_event_prints_as_its_word(text, word):
    assert f"{word}" == str(word) == word == text
    assert type(str(word)) is str


def test_no_two_events_or_states_share_a_word():
    assert len({*map(str, STATES.values()), *map(str, EVENTS.values())}) == len(
        STATES.values()
    ) + len(EVENTS.values())
