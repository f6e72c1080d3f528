"""Rounds take turns in an order that a seed repeats; a row knows whether it keeps its goal."""

from __future__ import annotations

import pytest
from bench_rounds import Plan, Row, Sample, number, ratios, spread


def order(seed, count=6):
    taken = []
    measures = {name: lambda name=name: taken.append(name) or 1.0 for name in "abcd"}
    Plan(seed, quick=True).rounds(count, measures)
    return taken


def test_a_seed_repeats_the_order():
    assert order("7 jobs") == order("7 jobs")
    assert order("7 jobs") != order("8 jobs")


def test_each_round_takes_each_measurement_once():
    taken = order("7")

    rounds = [taken[start : start + 4] for start in range(0, len(taken), 4)]
    assert [sorted(each) for each in rounds] == [list("abcd")] * 6
    assert len({tuple(each) for each in rounds}) > 1


def test_a_plain_figure_is_a_sample_without_cpu():
    columns = Plan("1", quick=True).rounds(2, {"a": lambda: 3.0})

    assert columns == {"a": [Sample(3.0), Sample(3.0)]}


def test_ratios_are_of_the_same_round():
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("goal", "ratios", "reached"),
    [
        ("", [0.5], None),
        (">= 0.85", [0.8, 0.9, 0.85], True),
        (">= 0.85", [0.84], False),
        ("<= 1.2", [1.2], True),
        ("<= 1.2", [1.21], False),
        (">= 250,000", [], False),
        ("<= 250,000", [], True),
    ],
)
def test_a_goal_is_about_the_median_of_the_ratios_or_else_of_the_figures(goal, ratios, reached):
    row = Row("", "a", "", "ms", [100.0], ratios=ratios, goal=goal)

    assert row.reached() is reached


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (0.12345, "0.123"), (1.2345, "1.23"), (123.456, "123"), (123456.7, "123,457")],
)
def test_a_figure_has_the_digits_that_mean_something(value, told):
    assert number(value) == told


def test_a_spread_is_the_median_with_its_range():
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    assert spread([]) == ""
