"""The one table of states and allowed moves.

SQL lists, messages, docs and tests are made from it.
"""

from __future__ import annotations

from enum import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """What a job is. `failed` means: failed, and waits for its retry."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    DEAD = "dead"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What happens to a job. Only CLAIM starts it, only RESCUE follows a death of its worker."""

    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    BURY = "bury"
    RELEASE = "release"
    RESCUE = "rescue"
    CANCEL = "cancel"
    STOP = "stop"
    REVIVE = "revive"


TRANSITIONS: Mapping[Event, tuple[tuple[State, ...], State]] = {
    # a worker takes it
    Event.CLAIM: ((State.PENDING, State.FAILED), State.PROCESSING),
    # it ended well
    Event.COMPLETE: ((State.PROCESSING,), State.COMPLETED),
    # it failed and has attempts left
    Event.FAIL: ((State.PROCESSING,), State.FAILED),
    # it failed for good, or killed too many workers
    Event.BURY: ((State.PROCESSING,), State.DEAD),
    # a forced stop gives it back; the start does not count
    Event.RELEASE: ((State.PROCESSING,), State.PENDING),
    # its worker died; the start counts
    Event.RESCUE: ((State.PROCESSING,), State.PENDING),
    # a user does not want it any more, before it runs
    Event.CANCEL: ((State.PENDING, State.FAILED), State.CANCELLED),
    # ... and while it runs: its worker stopped it
    Event.STOP: ((State.PROCESSING,), State.CANCELLED),
    # a user wants it again: from the dead letters, or a second time
    Event.REVIVE: (
        (State.FAILED, State.COMPLETED, State.DEAD, State.CANCELLED),
        State.PENDING,
    ),
}

CLAIMABLE = TRANSITIONS[Event.CLAIM][0]
FINAL = (State.COMPLETED, State.DEAD, State.CANCELLED)


def allows(event: Event, state: State) -> bool:
    """Tell whether `event` may happen to a job in `state`."""
    return state in TRANSITIONS[event][0]


def states_for(event: Event) -> str:
    """Name the states that `event` may start from, for a message: "pending or failed"."""
    return " or ".join(TRANSITIONS[event][0])
