"""The one table of states and allowed moves.

SQL lists, messages, docs and tests are made from it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar, TypeVar

    Word = TypeVar("Word", bound=str)


def words(kind: type[Word], *texts: str) -> dict[str, Word]:
    """Make the words of a kind, each also an attribute of it by its name in capitals.

    Strings of a type of their own and not an enum: importing enum takes 3 ms of a cold enqueue
    (docs/design/0002-lean-start.md). There is one object for each word, so `is` compares them.
    """
    made = {text: kind(text) for text in texts}
    for text, word in made.items():
        setattr(kind, text.upper(), word)
    return made


class State(str):
    """What a job is. `failed` means: failed, and waits for its retry."""

    __slots__ = ()
    PENDING: ClassVar[State]
    PROCESSING: ClassVar[State]
    COMPLETED: ClassVar[State]
    FAILED: ClassVar[State]
    DEAD: ClassVar[State]
    CANCELLED: ClassVar[State]


STATES = words(State, "pending", "processing", "completed", "failed", "dead", "cancelled")


class Event(str):
    """What happens to a job. Only CLAIM starts it, only RESCUE follows a death of its worker."""

    __slots__ = ()
    CLAIM: ClassVar[Event]
    COMPLETE: ClassVar[Event]
    FAIL: ClassVar[Event]
    BURY: ClassVar[Event]
    RELEASE: ClassVar[Event]
    RESCUE: ClassVar[Event]
    CANCEL: ClassVar[Event]
    STOP: ClassVar[Event]
    REVIVE: ClassVar[Event]


EVENTS = words(
    Event, "claim", "complete", "fail", "bury", "release", "rescue", "cancel", "stop", "revive"
)

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

TOLD: Mapping[Event, str] = {
    Event.COMPLETE: "completed",
    Event.FAIL: "failed",
    Event.BURY: "dead",
    Event.CANCEL: "cancelled",
    Event.STOP: "cancelled",
}
"""What a hook calls what happened to a job."""

CLAIMABLE = TRANSITIONS[Event.CLAIM][0]
FINAL = (State.COMPLETED, State.DEAD, State.CANCELLED)


def allows(event: Event, state: State) -> bool:
    """Tell whether `event` may happen to a job in `state`."""
    return state in TRANSITIONS[event][0]


def states_for(event: Event) -> str:
    """Name the states that `event` may start from, for a message: "pending or failed"."""
    return " or ".join(TRANSITIONS[event][0])
