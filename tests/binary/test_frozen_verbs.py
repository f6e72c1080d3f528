"""Every verb from the frozen executable: what is left out of it is only missed when it runs."""

from __future__ import annotations

import re

import pytest

from tests.binary.sandbox import eventually

pytestmark = pytest.mark.binary

VERBS = (
    "enqueue", "list", "show", "logs", "wait", "cancel", "retry", "status", "metrics",
    "worker start", "worker stop", "worker health", "worker list", "dlq list", "dlq show",
    "dlq retry", "dlq purge", "config get", "config set", "config unset", "config path",
    "config check", "edit", "rm", "prune", "pause", "resume", "export", "import", "db upgrade",
    "db check", "db vacuum", "up", "web", "web token add",
    "web token list", "web token rm", "help", "version",
)  # fmt: skip
TOPICS = ("ids", "times", "states", "exit-codes", "environment")


@pytest.fixture(scope="module")
def dead(busy):
    """Return the name of a job that failed for good."""
    busy.ok(
        "enqueue", "--id", "dead-1", "--retries", "2", "--backoff", "fixed:0.05",
        'echo out; echo "no such host" >&2; exit 7',
    )  # fmt: skip
    assert busy.finished("dead-1")["dead-1"]["state"] == "dead"
    return "dead-1"


# --- help, version ---


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(sandbox, verb):
    by_option = sandbox.ok(*verb.split(), "--help")

    assert f"  queuectl {verb}" in by_option.out
    assert "Examples:" in by_option.out
    assert not sandbox.home.exists()


def test_help_and_the_option_say_the_same(sandbox):
    assert sandbox.ok("help", "worker", "start").out == sandbox.ok("worker", "start", "-h").out
    assert sandbox.ok("help").out == sandbox.ok("--help").out


def test_help_names_every_verb(sandbox):
    overview = sandbox.ok("help").out

    assert [verb for verb in VERBS if f"\n  {verb} " not in overview] == []


@pytest.mark.parametrize("topic", TOPICS)
def test_help_explains_the_topics(sandbox, topic):
    assert sandbox.ok("help", topic).out.strip()


def test_version_is_one_word_and_the_same_in_json(sandbox):
    plain = sandbox.ok("version").out

    assert re.fullmatch(r"queuectl \d+\.\d+\.\d+\S*\n", plain)
    assert sandbox.ok("version", "--json").record["version"] == plain.split()[1]


@pytest.mark.parametrize(
    "args", [["lst"], ["list", "--stat", "dead"], ["worker", "strat"], [], ["dlq"]]
)
def test_a_wrong_command_line_exits_64_with_a_hint(sandbox, args):
    assert "hint: " in sandbox.refused(64, *args).err


# --- enqueue ---


def test_enqueue_takes_the_first_readmes_json(sandbox):
    added = sandbox.ok("enqueue", '{"id":"job1","command":"echo test","priority":10}')

    assert added.out == "Enqueued job job1 (number 1)\n"
    job = sandbox.job("job1")
    assert (job["command"], job["priority"], job["max_retries"], job["state"]) == (
        "echo test", 10, 3, "pending",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "field", "value"),
    [
        (["echo $HOME"], "command", "echo $HOME"),
        (["--", "echo", "a b"], "argv", ["echo", "a b"]),
        (["rsync", "-a", "x", "y"], "argv", ["rsync", "-a", "x", "y"]),
        (["--shell", "--", "echo", "a", "b"], "command", "echo a b"),
        (["-p", "9", "true"], "priority", 9),
        (["--retries", "5", "true"], "max_retries", 5),
        (["--queue", "thumbs", "true"], "queue", "thumbs"),
        (["--timeout", "10m", "true"], "timeout", 600),
        (["--backoff", "10,60,300", "true"], "backoff", "10,60,300"),
        (["--cwd", "/", "true"], "cwd", "/"),
        (["--env", "A=1", "--env", "B=x=y", "true"], "env", {"A": "1", "B": "x=y"}),
        (["--at", "2030-12-31T23:59:00Z", "true"], "run_at", "2030-12-31T23:59:00+00:00"),
        (['{"command":"true"}', "--id", "from-option"], "id", "from-option"),
        (["--id", "x", '{"command":"true"}'], "id", "x"),
        (['{"command":"x","run_at":"2030-01-01"}'], "run_at", "2030-01-01T00:00:00+00:00"),
    ],
)  # fmt: skip
def test_enqueue_takes_each_form(sandbox, args, field, value):
    added = sandbox.ok("enqueue", "--json", *args, env={"TZ": "UTC"})

    assert added.record[field] == value


def test_enqueue_quiet_prints_the_id_only(sandbox):
    assert sandbox.ok("enqueue", "-q", "true").out == "1\n"


def test_enqueue_in_a_while_tells_the_moment(sandbox):
    added = sandbox.ok("enqueue", "--in", "2h", "true").out

    assert re.fullmatch(r"Enqueued job 1, runs at \d{4}-\S+ \(in 2h\)\n", added)


def test_enqueue_takes_a_list_of_objects(sandbox):
    sandbox.ok("enqueue", '[{"id":"a","command":"true"},{"id":"b","command":"true"}]')

    assert sorted(job["id"] for job in sandbox.ok("list", "--json").records) == ["a", "b"]


def test_enqueue_reads_a_stream_and_keeps_its_good_lines(sandbox):
    done = sandbox.run(
        "enqueue", "--stdin", stdin=b'echo one\n{"command":"echo two"}\n{"comand":"x"}\n'
    )

    assert done.code == 65
    assert done.out == "Enqueued 2 jobs\n"
    assert "line 3" in done.err
    assert "did you mean" in done.err


def test_enqueue_atomic_keeps_no_line_of_a_bad_file(sandbox):
    (sandbox.root / "jobs").write_text('echo one\n{"priority":5}\n')

    assert sandbox.run("enqueue", "--atomic", "--file", "jobs").code == 65
    assert sandbox.ok("list", "--json").records == []


def test_enqueue_of_a_missing_file_exits_66(sandbox):
    sandbox.refused(66, "enqueue", "--file", "none")


def test_enqueue_dry_run_adds_nothing(sandbox):
    assert "Would enqueue" in sandbox.ok("enqueue", "--dry-run", "true").out
    assert sandbox.ok("list", "--json").records == []


def test_an_id_that_exists_exits_73_and_changes_nothing(sandbox):
    sandbox.ok("enqueue", "--id", "a", "echo first")

    sandbox.refused(73, "enqueue", "--id", "a", "echo second")
    sandbox.ok("enqueue", "--id", "a", "--on-conflict", "skip", "echo third")

    (job,) = sandbox.ok("list", "--json").records
    assert job["command"] == "echo first"


def test_a_listing_can_be_enqueued_elsewhere(sandbox, another_sandbox):
    sandbox.ok("enqueue", "--id", "a", "-p", "9", "--env", "A=1", "--", "echo", "a b")
    sandbox.ok("enqueue", "echo two")
    listing = sandbox.ok("list", "--json")

    another_sandbox.ok("enqueue", "--stdin", stdin=listing.raw_out)

    kept = ("command", "argv", "priority", "env", "queue", "cwd", "max_retries")
    there = another_sandbox.ok("list", "--json").records
    assert sorted([job[name] for name in kept] for job in there[:1]) == sorted(
        [job[name] for name in kept] for job in listing.records[1:]
    )
    assert len(there) == 2


# --- look ---


def test_list_filters_by_state_queue_and_limit(sandbox):
    for queue in ("mail", "mail", "thumbs"):
        sandbox.ok("enqueue", "--queue", queue, "true")

    assert len(sandbox.ok("list", "--queue", "mail", "--json").records) == 2
    assert len(sandbox.ok("list", "--limit", "1", "--json").records) == 1
    assert len(sandbox.ok("list", "--state", "pending", "--json").records) == 3
    assert sandbox.ok("list", "--state", "failed").out == ""
    head, *rows = sandbox.ok("list").lines
    assert head.split()[:4] == ["ID", "STATE", "PRI", "ATTEMPTS"]
    assert [row.split()[0] for row in rows] == ["3", "2", "1"]


def test_list_refuses_an_unknown_state(sandbox):
    assert "did you mean pending?" in sandbox.refused(65, "list", "--state", "pendin").err


def test_show_tells_of_each_attempt(busy, dead):
    shown = busy.ok("show", dead)

    assert re.search(r"^state: +dead$", shown.out, re.MULTILINE)
    assert len(busy.job(dead)["history"]) == 2
    assert busy.job(dead)["exit_code"] == 7
    assert busy.job(dead)["error"] == "no such host"


def test_an_unknown_job_exits_4(sandbox):
    for verb in ("show", "logs", "wait", "cancel", "retry"):
        sandbox.refused(4, verb, "nobody")


@pytest.mark.parametrize(
    ("args", "output"),
    [
        ([], "out\nno such host\n"),
        (["--stdout"], "out\n"),
        (["--stderr"], "no such host\n"),
        (["-n", "1"], "no such host\n"),
        (["--attempt", "1"], "out\nno such host\n"),
        (["--raw"], "out\nno such host\n"),
        (["--follow"], "out\nno such host\n"),
    ],
)
def test_logs_print_what_the_job_wrote(busy, dead, args, output):
    assert busy.ok("logs", *args, dead).out == output


def test_logs_in_json_name_the_stream(busy, dead):
    records = busy.ok("logs", "--json", dead).records

    assert [record["stream"] for record in records] == ["stdout", "stderr"]


def test_logs_follow_a_job_to_its_end(busy):
    job = busy.enqueue("for n in 1 2 3; do echo $n; sleep 0.1; done")

    assert busy.ok("logs", "--follow", job).out == "1\n2\n3\n"


def test_wait_answers_with_its_exit_code(busy, dead):
    good = busy.enqueue("true")

    assert busy.ok("wait", "--timeout", "20", good).out == f"{good}: completed\n"
    assert busy.run("wait", dead).code == 1
    assert busy.run("wait", "--any", good, dead, "--timeout", "20").code in {0, 1}
    later = busy.enqueue("true", "--in", "1h")
    assert busy.run("wait", "--timeout", "0.1", later).code == 124


def test_status_has_the_five_lines_of_old(sandbox):
    sandbox.ok("enqueue", "true")

    assert sandbox.ok("status").lines[:6] == [
        "=== Queue Status ===",
        "Pending:    1",
        "Processing: 0",
        "Completed:  0",
        "Failed:     0",
        "Dead (DLQ): 0",
    ]


def test_status_in_json_counts_each_state(busy):
    record = busy.ok("status", "--json").record

    assert {"pending", "processing", "completed", "failed", "dead", "cancelled"} <= record.keys()
    assert record["workers"][0]["threads"] == 4


def test_metrics_have_the_form_of_old(busy, dead):
    metrics = busy.ok("metrics", "--recent", "3").out

    assert re.fullmatch(
        r"=== Job Metrics Summary ===\n"
        r"Event Counts:\n"
        r"  enqueued: \d+\n  started: \d+\n  completed: \d+\n  failed: \d+\n  dlq: \d+\n"
        r"\n"
        r"Average Duration: (\d+\.\d\d seconds|n/a .*)\n"
        r"\n"
        r"Recent Events \(last 3\):\n"
        r"(  \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] \S+: \w+( \(\d+\.\ds\))?( - .*)?\n){3}",
        metrics,
    )
    assert busy.ok("metrics", "--json").record["events"]["dlq"] >= 1


# --- change ---


def test_cancel_ends_a_waiting_job(sandbox):
    sandbox.ok("enqueue", "--id", "a", "true")

    assert sandbox.ok("cancel", "--dry-run", "a").out == "Would cancel job a\n"
    assert sandbox.ok("cancel", "a").out == "Cancelled job a\n"
    assert sandbox.state("a") == "cancelled"
    sandbox.refused(1, "cancel", "a")


def test_cancel_stops_a_running_job(busy):
    busy.enqueue("touch cancel-me; sleep 1000", "--id", "cancel-me")
    busy.await_file("cancel-me")

    busy.ok("cancel", "cancel-me")

    assert busy.finished("cancel-me")["cancel-me"]["state"] == "cancelled"
    assert busy.run("wait", "cancel-me").code == 1


def test_retry_runs_a_completed_job_again(busy):
    job = busy.enqueue("true")
    busy.finished(job)

    assert busy.ok("retry", job).out == f"Job {job} will run again\n"
    assert len(eventually(lambda: _two_runs(busy, job))) == 2
    waiting = busy.enqueue("true", "--in", "1h")
    busy.refused(1, "retry", waiting)


def _two_runs(sandbox, job):
    history = sandbox.job(job)["history"]
    return history if len(history) == 2 else None


def test_a_dead_letter_is_listed_shown_and_retried(busy):
    busy.enqueue("test -e repaired", "--id", "letter", "--retries", "1")
    assert busy.finished("letter")["letter"]["state"] == "dead"

    assert "letter" in busy.ok("dlq", "list").out
    assert "letter" in [job["id"] for job in busy.ok("dlq", "list", "--json").records]
    assert busy.ok("dlq", "show", "--json", "letter").record["attempts"] == 1
    busy.touch("repaired")
    assert "Would retry job letter" in busy.ok("dlq", "retry", "--dry-run", "letter").out
    busy.ok("dlq", "retry", "letter")

    job = busy.finished("letter")["letter"]
    assert (job["state"], job["attempts"]) == ("completed", 1)
    busy.refused(1, "dlq", "retry", "letter")


def test_all_dead_letters_are_retried(sandbox):
    assert sandbox.ok("dlq", "retry", "--all").err == "0 jobs retried\n"
    assert sandbox.ok("dlq", "retry", "--all", "--json").out == ""


def test_a_selection_is_changed_with_a_yes_and_counted(sandbox):
    sandbox.ok("enqueue", "--tag", "a", "true")
    sandbox.ok("enqueue", "--tag", "b", "true")

    sandbox.refused(64, "cancel", "--tag", "a")
    assert sandbox.ok("edit", "--tag", "b", "--set", "priority=9").err == "1 job edited\n"
    assert sandbox.ok("cancel", "--tag", "a", "--yes").err == "1 job cancelled\n"
    assert sandbox.ok("rm", "1").out == "Removed job 1\n"
    assert [job["priority"] for job in sandbox.ok("list", "--json").records] == [9]


def test_a_paused_queue_runs_nothing_until_it_is_resumed(sandbox):
    sandbox.ok("enqueue", "--queue", "mail", "--id", "held", "true")
    sandbox.ok("enqueue", "--id", "free", "true")

    sandbox.ok("pause", "mail", "--reason", "no network")
    sandbox.ok("worker", "start", "--drain")

    assert (sandbox.state("held"), sandbox.state("free")) == ("pending", "completed")
    assert "no network" in sandbox.ok("status").out
    sandbox.ok("resume", "mail")
    sandbox.ok("worker", "start", "--drain")
    assert sandbox.state("held") == "completed"


def test_an_export_fills_another_queue(sandbox):
    sandbox.ok("enqueue", "--id", "a", "true")
    sandbox.ok("enqueue", "--id", "b", "true")
    sandbox.ok("cancel", "b")

    back = sandbox.shell('"$QUEUECTL" export | "$QUEUECTL" --db other.db import -')

    assert back.out == "Imported 2 jobs\n"
    states = [job["state"] for job in sandbox.ok("list", "--json", "--db", "other.db").records]
    assert states == ["cancelled", "pending"]
    assert sandbox.ok("db", "vacuum").code == sandbox.ok("db", "check").code == 0


# --- settings ---


def test_config_gets_and_sets_what_the_first_readme_says(sandbox):
    assert sandbox.ok("config", "get", "max-retries").out == "3\n"
    assert sandbox.ok("config", "set", "max-retries", "5").out == "max-retries = 5\n"
    assert sandbox.ok("config", "set", "backoff-base", "3.0").out == "backoff-base = 3.0\n"
    assert sandbox.ok("config", "set", "job-timeout", "600").out == "job-timeout = 600\n"

    assert sandbox.ok("config", "get", "max_retries").out == "5\n"
    assert "backoff-base = 3.0" in sandbox.ok("config", "get").lines
    assert sandbox.ok("enqueue", "--json", "true").record["max_retries"] == 5
    sandbox.ok("config", "unset", "max-retries")
    assert sandbox.ok("config", "get", "max-retries").out == "3\n"


def test_config_in_json_tells_the_source(sandbox):
    changed = sandbox.ok("config", "set", "max-retries", "5", "--json").record
    in_force = sandbox.ok(
        "config", "get", "max-retries", "--json", env={"QUEUECTL_MAX_RETRIES": "7"}
    )

    assert changed == {"key": "max-retries", "value": 5, "source": "file"}
    assert in_force.record == {"key": "max-retries", "value": 7, "source": "QUEUECTL_MAX_RETRIES"}
    path = str(sandbox.home / "config.json")
    assert sandbox.ok("config", "path", "--json").record == {"path": path}
    assert sandbox.ok("config", "path").out == f"{path}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["set", "max-retries", "many"], "whole number"),
        (["set", "backoff-base", "-5"], "from 1 to 100"),
        (["set", "max-retrys", "5"], "did you mean max-retries?"),
        (["get", "nothing"], "there is no setting"),
    ],
)
def test_config_refuses_what_makes_no_sense(sandbox, args, said):
    assert said in sandbox.refused(78, "config", *args).err


# --- workers ---


def test_worker_health_is_the_answer_in_its_exit_code(sandbox, busy):
    sandbox.refused(3, "worker", "health")
    sandbox.refused(3, "worker", "stop")
    assert sandbox.ok("worker", "list").out == ""

    assert busy.ok("worker", "health", "--json").record["state"] == "ok"
    assert busy.ok("worker", "list", "--json").record["threads"] == 4
    assert busy.ok("worker", "health").lines[0].startswith("ID ")


def test_worker_start_drains_its_queue_and_ends(sandbox):
    sandbox.enqueue("echo mail >ran", "--queue", "mail")
    other = sandbox.enqueue("echo other >ran")

    worker = sandbox.launch_worker("--queue", "mail", "--drain")

    assert worker.await_end() == 0
    assert (sandbox.root / "ran").read_text() == "mail\n"
    assert sandbox.state(other) == "pending"


@pytest.mark.parametrize("args", [["--count", "0"], ["--count", "many"], ["--count"]])
def test_worker_start_refuses_a_wrong_count(sandbox, args):
    sandbox.refused(64, "worker", "start", *args)


def test_the_flow_of_the_first_readme(sandbox):
    sandbox.ok("enqueue", '{"id":"low","command":"echo low priority >>order","priority":3}')
    sandbox.ok("enqueue", '{"id":"high","command":"echo high priority >>order","priority":10}')
    sandbox.ok("enqueue", '{"id":"normal","command":"echo normal >>order","priority":5}')
    sandbox.ok("enqueue", '{"id":"scheduled","command":"true","run_at":"2037-12-31T23:59:00"}')
    sandbox.ok("enqueue", '{"id":"bad","command":"exit 1","max_retries":1}')

    worker = sandbox.start_worker("--count", "1")
    finished = sandbox.finished("low", "high", "normal", "bad")

    states = {name: job["state"] for name, job in finished.items()}
    assert states == dict.fromkeys(("low", "high", "normal"), "completed") | {"bad": "dead"}
    assert (sandbox.root / "order").read_text() == "high priority\nnormal\nlow priority\n"
    assert sandbox.ok("status").lines[1:6] == [
        "Pending:    1",
        "Processing: 0",
        "Completed:  3",
        "Failed:     0",
        "Dead (DLQ): 1",
    ]
    assert len(sandbox.ok("list", "--state", "completed").lines) == 4
    assert "Stopped worker 1" in sandbox.ok("worker", "stop").out
    assert worker.await_end() == 0
    assert (sandbox.home / "logs" / "worker-1.log").read_text() == worker.log


def test_two_queue_files_in_one_home_keep_their_own_logs(sandbox):
    files = {name: ("--db", f"{sandbox.home}/{name}.db") for name in ("a", "b")}

    for name, db in files.items():
        sandbox.ok(*db, "enqueue", "--id", name, f"echo I am {name}")
    for db in files.values():
        sandbox.ok(*db, "worker", "start", "--drain")

    for name, db in files.items():
        assert sandbox.ok(*db, "logs", name).out == f"I am {name}\n"
