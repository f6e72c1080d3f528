from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queuectl_core.errors import BadData
from queuectl_core.retry import (
    MAX_DELAY_MS,
    POISON_CRASHES,
    Bury,
    Complete,
    Release,
    Rescue,
    Retry,
    RetryPolicy,
    Stop,
    after_crash,
    after_death,
    parse_backoff,
    verdict,
)
from queuectl_core.run import ENDINGS, Ending, Outcome
from tests.builders import NOW_MS, failure, job, success

DEFAULTS = RetryPolicy(cap_ms=3_600_000, jitter=0.25)
MANY_ATTEMPTS = 1_000_000

attempts = st.integers(1, MANY_ATTEMPTS)
steps_ms = st.integers(0, MAX_DELAY_MS)
caps_ms = st.integers(0, MAX_DELAY_MS)
exponential = st.builds(
    RetryPolicy,
    kind=st.just("exponential"),
    steps_ms=st.tuples(steps_ms),
    base=st.floats(1, 100),
    cap_ms=caps_ms,
)
linear = st.builds(
    RetryPolicy, kind=st.just("linear"), steps_ms=st.tuples(steps_ms), cap_ms=caps_ms
)
growing_list = st.builds(
    RetryPolicy,
    kind=st.just("list"),
    steps_ms=st.lists(steps_ms, min_size=1, max_size=9).map(sorted).map(tuple),
    cap_ms=caps_ms,
)
policies = exponential | linear | growing_list


class FixedChance(Random):
    """A die that always shows the same."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        """Return it."""
        return self._value


ALMOST_ONE = 1 - 2**-53
NO_CHANCE = FixedChance(0.0)


# --- the wait ---


@pytest.mark.parametrize(
    ("policy", "waits_ms"),
    [
        (RetryPolicy(), [1_000, 2_000, 4_000, 8_000, 16_000]),
        (RetryPolicy(base=3.0), [1_000, 3_000, 9_000, 27_000, 81_000]),
        (RetryPolicy(base=1.0), [1_000] * 5),
        (RetryPolicy(cap_ms=5_000), [1_000, 2_000, 4_000, 5_000, 5_000]),
        (
            RetryPolicy(kind="linear", steps_ms=(30_000,)),
            [30_000, 60_000, 90_000, 120_000, 150_000],
        ),
        (RetryPolicy(kind="fixed", steps_ms=(60_000,)), [60_000] * 5),
        (RetryPolicy(kind="list", steps_ms=(10, 60, 300)), [10, 60, 300, 300, 300]),
    ],
)
def test_the_wait_grows_as_the_policy_says(policy, waits_ms):
    assert [policy.delay_ms(attempt, NO_CHANCE) for attempt in range(1, 6)] == waits_ms


@given(policies, attempts)
@example(RetryPolicy(base=100.0), MANY_ATTEMPTS)
@example(RetryPolicy(base=1.0000001), MANY_ATTEMPTS)
@example(RetryPolicy(kind="linear", steps_ms=(MAX_DELAY_MS,)), MANY_ATTEMPTS)
def test_the_wait_grows_up_to_the_cap_and_never_overflows(policy, attempt):
    earlier = policy.delay_ms(attempt, NO_CHANCE)
    later = policy.delay_ms(attempt + 1, NO_CHANCE)

    assert 0 <= earlier <= later <= policy.cap_ms
    assert type(earlier) is int


@given(policies, attempts, st.floats(0, 1), st.floats(0, 1, exclude_max=True))
@example(RetryPolicy(), 1, 1.0, ALMOST_ONE)
def test_chance_takes_away_no_more_than_its_share(policy, attempt, jitter, chance):
    whole_ms = policy.delay_ms(attempt, NO_CHANCE)

    wait_ms = policy._replace(jitter=jitter).delay_ms(attempt, FixedChance(chance))

    assert whole_ms * (1 - jitter) - 1 <= wait_ms <= whole_ms
    assert type(wait_ms) is int


def test_without_jitter_the_die_is_not_thrown():
    assert RetryPolicy().delay_ms(1, None) == 1_000


def test_jobs_that_failed_together_do_not_come_back_together():
    rng = Random(7)

    waits_ms = {RetryPolicy(jitter=0.5).delay_ms(4, rng) for _ in range(50)}

    assert len(waits_ms) > 40
    assert min(waits_ms) >= 4_000
    assert max(waits_ms) <= 8_000


# --- how it is written ---


@pytest.mark.parametrize(
    ("text", "kind", "steps", "base"),
    [
        ("exp:2", "exponential", (1_000,), 2.0),
        ("exp:1", "exponential", (1_000,), 1.0),
        ("exp:1.5", "exponential", (1_000,), 1.5),
        ("exp:100", "exponential", (1_000,), 100.0),
        ("linear:30", "linear", (30_000,), 2.0),
        ("linear:0", "linear", (0,), 2.0),
        ("fixed:60", "fixed", (60_000,), 2.0),
        ("fixed:0.25", "fixed", (250,), 2.0),
        ("10,60,300", "list", (10_000, 60_000, 300_000), 2.0),
        ("5", "list", (5_000,), 2.0),
        ("fixed:31622400", "fixed", (MAX_DELAY_MS,), 2.0),
    ],
)
def test_every_form_of_backoff_is_read(text, kind, steps, base):
    policy = parse_backoff(text, DEFAULTS)

    assert (policy.kind, policy.steps_ms, policy.base) == (kind, steps, base)


@given(st.lists(st.integers(0, 31_622_400), min_size=1, max_size=9))
def test_a_list_of_seconds_is_read_as_it_was_written(seconds):
    policy = parse_backoff(",".join(map(str, seconds)), DEFAULTS)

    assert [wait_ms // 1000 for wait_ms in policy.steps_ms] == seconds


@pytest.mark.parametrize("text", ["exp:2", "linear:30", "fixed:60", "10,60"])
def test_cap_and_jitter_come_from_the_defaults(text):
    policy = parse_backoff(text, DEFAULTS)

    assert (policy.cap_ms, policy.jitter) == (DEFAULTS.cap_ms, DEFAULTS.jitter)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "exp", "exp:", "exp:0", "exp:0.99", "exp:101", "exp:-2", "exp:nan", "exp:inf",
        "exp:1e999", "exp:two", "exp:2:3", "EXP:2", "linear", "linear:", "linear:-1", "linear:nan",
        "linear:inf", "fixed:31622401", "fixed:1,2", "cubic:2", "10,,60", "10,", ",", "10;60", "-1",
        "nan", "inf", "10,-60", "1h", "\u0661", "10,\u0663", "fixed:\u0663", "exp:\u0663", "\0",
        "x" * 10_000,
    ],
)  # fmt: skip
def test_a_backoff_that_is_not_one_is_refused_with_the_forms_that_are(text):
    with pytest.raises(BadData) as caught:
        parse_backoff(text, DEFAULTS)

    assert "exp:2" in caught.value.hint
    assert len(str(caught.value)) < 120


@given(st.text() | st.from_regex(r"\A(exp|linear|fixed)?:?[0-9.,e-]{0,9}\Z"))
def test_any_text_is_a_policy_within_bounds_or_bad_data(text):
    try:
        policy = parse_backoff(text, DEFAULTS)
    except BadData:
        return

    assert all(0 <= step <= MAX_DELAY_MS for step in policy.steps_ms)
    assert 1 <= policy.base <= 100
    assert 0 <= policy.delay_ms(MANY_ATTEMPTS, Random(1)) <= DEFAULTS.cap_ms


# --- what follows a run ---


def decide(ended, **fields):
    return verdict(job(**fields), ended, policy=RetryPolicy(), now_ms=NOW_MS, rng=NO_CHANCE)


@pytest.mark.parametrize(
    ("ended", "fields", "follows"),
    [
        (success(), {"attempts": 1}, Complete()),
        (success(), {"attempts": 9, "max_retries": 3}, Complete()),
        (failure(), {"attempts": 1, "max_retries": 3}, Retry(NOW_MS + 1_000)),
        (failure(), {"attempts": 2, "max_retries": 3}, Retry(NOW_MS + 2_000)),
        (failure(), {"attempts": 3, "max_retries": 3}, Bury("exit")),
        (failure(), {"attempts": 4, "max_retries": 3}, Bury("exit")),
        (failure(), {"attempts": 1, "max_retries": 1}, Bury("exit")),
        (failure(), {"attempts": 1, "max_retries": 0}, Bury("exit")),
        (failure(exit_code=255), {"attempts": 1}, Retry(NOW_MS + 1_000)),
        (failure(exit_code=None), {"attempts": 3}, Bury("exit")),
        (Outcome(Ending.SIGNAL, signal=9), {"attempts": 1}, Retry(NOW_MS + 1_000)),
        (Outcome(Ending.SIGNAL, signal=9), {"attempts": 3}, Bury("signal")),
        (Outcome(Ending.TIMEOUT, signal=15), {"attempts": 1}, Retry(NOW_MS + 1_000)),
        (Outcome(Ending.TIMEOUT, signal=15), {"attempts": 3}, Bury("timeout")),
        (Outcome(Ending.TIMEOUT, exit_code=0), {"attempts": 3}, Bury("timeout")),
        (Outcome(Ending.CANCELLED, signal=15), {"attempts": 1}, Stop()),
        (Outcome(Ending.CANCELLED, exit_code=0), {"attempts": 3}, Stop()),
        (Outcome(Ending.RELEASED, signal=9), {"attempts": 3}, Release()),
        (Outcome(Ending.RELEASED, signal=9), {"on_crash": "fail"}, Bury("interrupted")),
        (Outcome(Ending.RELEASED, signal=9), {"on_crash": "hold"}, Bury("held")),
        (failure(), {"on_crash": "fail"}, Retry(NOW_MS + 1_000)),
        (failure(), {"on_crash": "hold", "attempts": 3}, Bury("exit")),
        (success(), {"on_crash": "fail"}, Complete()),
    ],
)
def test_what_follows_an_outcome(ended, fields, follows):
    found = decide(ended, **fields)

    assert found == follows
    assert type(found) is type(follows)


@given(st.integers(1, 1_000), st.integers(0, 1_000))
def test_a_job_has_max_retries_attempts_in_all(attempt, max_retries):
    found = decide(failure(), attempts=attempt, max_retries=max_retries)

    assert isinstance(found, Retry) is (attempt < max_retries)


@pytest.mark.parametrize("ending", ENDINGS.values())
def test_every_ending_has_a_verdict(ending):
    found = decide(Outcome(ending))

    assert type(found) in {Complete, Retry, Bury, Stop, Release}


# --- what follows a crash ---


@pytest.mark.parametrize(
    ("fields", "follows"),
    [
        ({"crashes": 0}, Rescue()),
        ({"crashes": POISON_CRASHES - 2}, Rescue()),
        ({"crashes": POISON_CRASHES - 1}, Bury("poison")),
        ({"crashes": POISON_CRASHES + 5}, Bury("poison")),
        ({"crashes": 0, "on_crash": "fail"}, Bury("interrupted")),
        ({"crashes": 0, "on_crash": "hold"}, Bury("held")),
        ({"crashes": POISON_CRASHES, "on_crash": "hold"}, Bury("held")),
        ({"crashes": 0, "on_crash": "fail", "cancel_requested": True}, Stop()),
        ({"crashes": 0, "cancel_requested": True}, Stop()),
        ({"crashes": POISON_CRASHES, "cancel_requested": True}, Stop()),
    ],
)
def test_what_follows_a_crash(fields, follows):
    found = after_crash(job(**fields))

    assert found == follows
    assert type(found) is type(follows)


def test_a_death_counts_against_every_job_without_a_suspect_among_them():
    assert after_death([job(), job(crashes=POISON_CRASHES - 2)]) == [Rescue(), Rescue()]


@pytest.mark.parametrize(
    ("fields", "follows"),
    [
        ({}, Rescue(crashes=0)),
        ({"crashes": POISON_CRASHES - 2}, Rescue(crashes=0)),
        ({"on_crash": "fail"}, Bury("interrupted")),
        ({"cancel_requested": True}, Stop()),
    ],
)
def test_a_death_does_not_count_against_who_ran_beside_a_suspect(fields, follows):
    suspect = job(crashes=POISON_CRASHES - 1)

    assert after_death([job(**fields), suspect]) == [follows, Bury("poison")]
