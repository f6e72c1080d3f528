from __future__ import annotations

import inspect

import pytest

from queuectl_core.storage.changes import Changes
from queuectl_core.storage.doors import Doors
from queuectl_core.storage.queues import Queues
from queuectl_core.storage.selections import Selections
from queuectl_core.storage.store import Store

GROUPS = (Selections, Queues, Changes, Doors)
"""Contracts of their own, which a Store fulfils too."""
VERBS = [name for name in vars(Store) if not name.startswith("_")]
ALL_VERBS = VERBS + [name for group in GROUPS for name in vars(group) if not name.startswith("_")]


def parameters(verb):
    """Return the parameters as one gives them: name, kind, and the default where there is one."""
    return [
        (one.name, one.kind, one.default) for one in inspect.signature(verb).parameters.values()
    ]


def test_the_contract_stays_small():
    assert 20 <= len(VERBS) <= 25


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_every_engine_has_every_verb_with_its_parameters(store, verb):
    given = parameters(getattr(Store, verb))

    assert parameters(getattr(type(store), verb)) == given


def test_an_engine_has_no_verb_of_its_own(store):
    assert sorted(name for name in vars(type(store)) if not name.startswith("_")) == sorted(VERBS)


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_the_contract_says_what_a_verb_does(verb):
    assert getattr(Store, verb).__doc__


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_a_verb_that_writes_is_given_the_moment(verb):
    writes = {"enqueue", "finish_and_claim", "cancel", "revive", "rescue"}
    writes |= {"register", "heartbeat", "prune"}
    writes |= {"pause", "resume", "edit", "remove", "adopt"}

    assert ("now_ms" in inspect.signature(getattr(Store, verb)).parameters) >= (verb in writes)
