from __future__ import annotations

import pytest

from queuectl_core.lifecycle import State
from queuectl_core.services import ends
from tests.builders import job


@pytest.mark.parametrize(
    ("fields", "code", "has_remark"),
    [
        ({"state": State.COMPLETED, "reason": "exit", "exit_code": 0}, 0, False),
        ({"state": State.COMPLETED, "reason": "exit", "exit_code": 3}, 0, False),
        ({"state": State.DEAD, "reason": "exit", "exit_code": 3}, 3, False),
        ({"state": State.DEAD, "reason": "exit", "exit_code": 127}, 127, True),
        ({"state": State.DEAD, "reason": "signal", "signal": 9}, 137, True),
        ({"state": State.DEAD, "reason": "timeout", "signal": 15}, 124, True),
        ({"state": State.DEAD, "reason": "timeout", "exit_code": 0}, 124, True),
        ({"state": State.DEAD, "reason": "verify", "exit_code": 4}, 4, True),
        ({"state": State.DEAD, "reason": "interrupted"}, 125, True),
        ({"state": State.DEAD, "reason": "poison"}, 125, True),
        ({"state": State.CANCELLED, "reason": "cancelled"}, 1, True),
        ({"state": State.CANCELLED, "reason": "cancelled", "signal": 15}, 143, True),
        ({"state": State.PENDING}, 125, True),
        ({"state": State.FAILED, "reason": "exit", "exit_code": 1}, 125, True),
    ],
)
def test_each_end_has_its_code_and_a_remark_where_its_output_says_nothing(fields, code, has_remark):
    ended = job(**fields)

    assert ends.exit_code(ended) == code
    assert (ends.remark(ended) is not None) is has_remark


def test_a_job_that_was_pruned_meanwhile_has_no_end_to_tell():
    assert ends.exit_code(None) == 125
