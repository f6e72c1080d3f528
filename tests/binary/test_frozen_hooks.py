"""Hooks through the frozen executable: from the event to what their command was given."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.binary


def records(sandbox, *words):
    return [json.loads(line) for line in sandbox.ok(*words, "--json").out.splitlines()]


def test_a_hook_reads_the_event_and_has_its_variables(sandbox):
    told = sandbox.root / "told"
    sandbox.ok("hook", "add", "dead", "--", "sh", "-c", f'cat >{told}; echo "$QUEUECTL_EVENT_JOB"')
    sandbox.enqueue("echo no paper >&2; exit 3", "--id", "report", "--retries", "1")

    sandbox.ok("worker", "start", "--drain")

    event = json.loads(told.read_text())
    (run,) = records(sandbox, "list", "--queue", ".hooks")
    assert (event["event"], event["hook"], event["count"]) == ("dead", "dead", 1)
    assert (event["job"]["id"], event["job"]["exit_code"], event["job"]["error"]) == (
        "report", 3, "no paper"
    )  # fmt: skip
    assert (run["state"], run["tags"]) == ("completed", ["dead"])
    assert sandbox.ok("logs", run["id"]).out == "report\n"


def test_a_hook_that_fails_is_tried_again_and_ends_as_a_dead_letter_that_sets_off_nothing(sandbox):
    sandbox.ok("config", "set", "backoff-cap", "0")
    sandbox.ok("hook", "add", "dead", "--retries", "3", "exit 9")
    sandbox.enqueue("false", "--retries", "1")

    sandbox.ok("worker", "start", "--drain")

    (run,) = records(sandbox, "dlq", "list", "--queue", ".hooks")
    assert (run["state"], run["attempts"], run["exit_code"]) == ("dead", 3, 9)
    assert [job["queue"] for job in records(sandbox, "dlq", "list")] == ["default"]
    (hook,) = records(sandbox, "hook", "list")
    assert (hook["told"], hook["dead"]) == (1, 1)
    assert "Hooks:      1 dead" in sandbox.ok("status").out


def test_a_hook_is_told_of_a_slow_job_while_it_runs(sandbox):
    told = sandbox.root / "told"
    sandbox.ok("hook", "add", "slow", "--over", "200ms", f"cat >{told}")
    sandbox.enqueue(f"until [ -s {told} ]; do sleep 0.1; done")

    sandbox.ok("worker", "start", "--drain", "--count", "2")

    event = json.loads(told.read_text())
    assert event["detail"] == {"over": 0.2, "still_runs": True}
    assert event["job"]["state"] == "processing"


def test_a_worker_of_some_queues_takes_hooks_only_where_it_is_told_to(sandbox):
    sandbox.ok("hook", "add", "completed", "true")
    sandbox.enqueue("true", "--queue", "mail")

    sandbox.ok("worker", "start", "--queue", "mail", "--drain")
    assert "no worker takes them" in sandbox.ok("hook", "list").err
    sandbox.ok("worker", "start", "--queue", "mail", "--queue", ".hooks", "--drain")

    (run,) = records(sandbox, "list", "--queue", ".hooks")
    assert run["state"] == "completed"


def test_a_run_in_the_foreground_tells_hooks_too(sandbox):
    sandbox.ok("hook", "add", "completed", "true")
    sandbox.ok("hook", "add", "slow", "--over", "1ms", "true")

    sandbox.ok("run", "sleep 0.05")

    events = [
        json.loads(run["input"])["event"] for run in records(sandbox, "list", "--queue", ".hooks")
    ]
    assert sorted(events) == ["completed", "slow"]


def test_a_test_runs_the_command_here_and_exits_as_it_did(sandbox):
    sandbox.ok("hook", "add", "dead", "cat; exit 7")

    done = sandbox.run("hook", "test", "dead")

    assert done.code == 7
    assert json.loads(done.out)["test"] is True
