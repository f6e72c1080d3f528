from __future__ import annotations

import json
import os
import time

import pytest

from tests.builders import NOW_MS, jobs_of


def job(store, name="1"):
    return store.job_by_id(name) or store.job_by_number(int(name))


def test_one_json_word_adds_the_job_and_names_it(run, store):
    done = run("enqueue", '{"id":"job1","command":"echo test","priority":10}')

    assert done == (0, "Enqueued job job1 (number 1)\n", "")
    assert (job(store, "job1").command, job(store, "job1").priority) == ("echo test", 10)


@pytest.mark.parametrize(
    "argv",
    [
        ("enqueue", '{"command":"true"}', "--json"),
        ("enqueue", "--json", '{"command":"true"}'),
        ("--json", "enqueue", '{"command":"true"}'),
        ("enqueue", '[{"command":"true"}]', "--json"),
    ],
)
def test_options_may_stand_on_either_side_of_the_json(run, argv):
    done = run(*argv)

    assert done.code == 0
    assert done.records[0]["command"] == "true"
    assert done.records[0]["state"] == "pending"


def test_quiet_prints_the_id_only(run):
    assert run("enqueue", "-q", "--id", "a", "true").out == "a\n"
    assert run("enqueue", "--quiet", "true").out == "2\n"
    assert run("-q", "enqueue", '{"command":"true"}').out == "3\n"


def test_one_word_is_a_shell_line_and_more_are_a_program(run, store):
    run("enqueue", "echo $HOME | wc")
    run("enqueue", "rsync", "-a", "x y", "")
    run("enqueue", "--shell", "echo", "a;", "echo", "b")

    assert (job(store).command, job(store).argv) == ("echo $HOME | wc", None)
    assert (job(store, "2").command, job(store, "2").argv) == (None, ("rsync", "-a", "x y", ""))
    assert (job(store, "3").command, job(store, "3").argv) == ("echo a; echo b", None)


def test_the_options_end_where_the_command_begins(run, store):
    run("enqueue", "-p", "9", "rsync", "-a", "--id", "x", "-h")
    run("enqueue", "--", "-prog", "-h")
    run("enqueue", "--", "{ echo a; }")
    run("enqueue", "prog", "--", "-x")

    assert job(store).priority == 9
    assert job(store).argv == ("rsync", "-a", "--id", "x", "-h")
    assert job(store, "2").argv == ("-prog", "-h")
    assert job(store, "3").command == "{ echo a; }"
    assert job(store, "4").argv == ("prog", "--", "-x")


def test_the_test_command_is_not_json(run, store):
    run("enqueue", "[", "-f", "x", "]")
    run("enqueue", "[ -f x ] && true")

    assert job(store).argv == ("[", "-f", "x", "]")
    assert job(store, "2").command == "[ -f x ] && true"


def test_blanks_around_the_json_do_not_matter(run, store):
    assert run("enqueue", ' {"command":"a"}\n').code == 0
    assert run("enqueue", '\n[ {"command":"b"} ]').code == 0

    assert [one.command for one in jobs_of(store)] == ["b", "a"]


def test_a_time_that_is_past_is_echoed_too(run):
    done = run("enqueue", '{"command":"x","run_at":"2020-01-01T00:00:00Z"}')

    assert done.out == "Enqueued job 1, runs at once: 2020-01-01T00:00:00+00:00 is past\n"


def test_every_option_reaches_the_job(run, store):
    done = run(
        *("enqueue", "--id", "all", "--queue", "mail", "-p9", "--in", "10m", "--retries=7"),
        *("--timeout", "2m", "--backoff", "10,60", "--cwd", "/srv", "--env", "A=1"),
        *("--on-crash", "fail", "--env", "B=x=y", "--", "send", "it"),
    )

    assert done.out == ("Enqueued job all (number 1), runs at 2023-11-14T22:23:20+00:00 (in 10m)\n")
    added = job(store, "all")
    assert (added.queue, added.priority, added.max_retries) == ("mail", 9, 7)
    assert (added.run_at_ms, added.timeout_ms) == (NOW_MS + 600_000, 120_000)
    assert (added.backoff, added.cwd, added.env) == ("10,60", "/srv", {"A": "1", "B": "x=y"})
    assert added.on_crash == "fail"


def test_options_beat_json_fields(run, store):
    run("enqueue", '{"id":"a","command":"true","priority":2,"queue":"q"}', "-p", "9")

    assert (job(store, "a").priority, job(store, "a").queue) == (9, "q")


def test_a_job_runs_where_its_user_is_unless_told(run, store):
    run("enqueue", "true")
    run("enqueue", '{"command":"true","cwd":"/srv"}')
    run("enqueue", "--cwd", "sub", "true")

    here = os.getcwd()
    assert [job(store, name).cwd for name in "123"] == [here, "/srv", here + "/sub"]


def test_a_naive_time_is_echoed_with_its_offset(run, monkeypatch, store):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()

    done = run("enqueue", '{"command":"x","run_at":"2024-07-01T12:00:00"}')

    assert "runs at 2024-07-01T12:00:00+02:00" in done.out
    assert job(store).run_at_ms == 1_719_828_000_000


def test_a_job_without_retries_takes_the_setting(run, store):
    run("config", "set", "max-retries", "9")
    run("enqueue", "true")

    assert job(store).max_retries == 9
    assert job(store).timeout_ms is None


def test_an_id_that_exists_is_refused_skipped_or_replaced(run, store):
    run("enqueue", "--id", "a", "first")

    refused = run("enqueue", "--id", "a", "second")
    skipped = run("enqueue", "--id", "a", "--on-conflict", "skip", "second")
    replaced = run("enqueue", "--id", "a", "--on-conflict", "replace", "second")

    assert refused.code == 73
    assert 'a job with id "a" exists' in refused.err
    assert "--on-conflict skip" in refused.err
    assert skipped == (0, "Job a exists already (number 1); nothing added\n", "")
    assert replaced.code == 0
    assert job(store, "a").command == "second"


def test_a_dry_run_shows_the_job_and_adds_nothing(run, store):
    done = run("enqueue", "--dry-run", "--at", "2030-01-01T00:00:00Z", "a", "b")
    record = run("enqueue", "--dry-run", "--json", "--timeout", "90", "a").records[0]

    assert done.code == 0
    assert "Would enqueue" in done.out
    assert "2030-01-01T00:00:00+00:00" in done.out
    assert (record["command"], record["timeout"]) == ("a", 90)
    assert jobs_of(store) == []


def test_a_list_is_added_whole_or_not_at_all(run, store):
    bad = run("enqueue", '[{"command":"a"},{"command":"b","priority":0}]')
    good = run("enqueue", '[{"command":"a"},{"command":"b"}]')

    assert bad.code == 65
    assert good.out == "Enqueued job 1\nEnqueued job 2\n"
    assert len(jobs_of(store)) == 2


def test_a_record_can_be_enqueued_again(run, store):
    run("enqueue", "--env", "A=1", "--timeout", "5", "--", "prog", "a b")
    record = run("list", "--json").records[0]

    done = run("enqueue", json.dumps(record))

    assert done.code == 0
    old, new = job(store), job(store, "2")
    assert (new.id, new.argv, new.env, new.timeout_ms) == (None, old.argv, old.env, 5000)


BAD = [
    ('{"command": "a" "b"}', "line 1, column 17 (character 17)"),
    ('{"command":\n "a",}', "line 2, column 6"),
    ('{command:"a"}', "line 1, column 2"),
    ('{"command":"a"} x', "Extra data"),
    ('{"command":"a","command":"b"}', 'the key "command" comes twice'),
    ('{"command":"a","timeout":NaN}', "NaN is not a number"),
    ('{"command":"a","comand":"b"}', 'no field "comand"'),
    ('{"command":"a","priority":0}', "priority must be a whole number from 1 to 10, not 0"),
    ('{"command":"a","priority":11}', "not 11"),
    ('{"command":"a","priority":"high"}', 'not "high"'),
    ('{"command":"a","priority":true}', "not True"),
    ('{"command":"a","priority":5.0}', "not 5.0"),
    ('{"command":"a","max_retries":-1}', "max_retries must be a whole number from 0 to 1000"),
    ('{"command":"a\\u0000b"}', "command has a NUL at position 2"),
    ('{"command":"a\\ud800b"}', "not valid UTF-8 at position 2"),
    ('{"command":""}', "command is empty"),
    ('{"command":7}', "command must be text, not 7"),
    ('{"id":"a"}', "the job has no command"),
    ('{"id":17,"command":"a"}', "id must be text, not 17"),
    ('{"id":"a b","command":"a"}', 'id "a b" is not a name'),
    ('{"command":"a","run_at":"soon"}', "run_at: not a time: 'soon'"),
    ('{"command":"a","run_at":"2024-13-01"}', "run_at: not a time"),
    ('{"command":"a","run_at":1700000000}', "run_at must be a time as text"),
    ('{"command":"a","timeout":-1}', "timeout must be seconds"),
    ('{"command":"a","timeout":1e999}', "timeout must be seconds"),
    ('{"command":"a","timeout":"soon"}', "timeout: not a duration"),
    ('{"command":"a","backoff":"often"}', 'backoff "often" is not understood'),
    ('{"command":"a","backoff":3}', "backoff must be text"),
    ('{"command":"a","on_crash":"never"}', "on_crash must be retry, fail or hold, not"),
    ('{"command":"a","on_crash":"Hold"}', 'did you mean "hold"?'),
    ('{"command":"a","on_crash":3}', "on_crash must be retry, fail or hold, not 3"),
    ('{"command":"a","cwd":"here"}', "cwd must be an absolute path"),
    ('{"command":"a","env":{"A":1}}', "env A must be text"),
    ('{"argv":[]}', "argv must be a list of words"),
    ('{"argv":"ls"}', "argv must be a list of words"),
    ('{"command":"a","priority":' + "1" * 5000 + "}", "too many digits"),
    ("[1]", "a job must be a JSON object"),
    ('{"a":' * 50_000, "nested too deeply"),
]


@pytest.mark.parametrize(("text", "told"), BAD, ids=[told for _, told in BAD])
def test_bad_data_is_named_and_adds_nothing(run, store, text, told):
    done = run("enqueue", text)

    assert done.code == 65
    assert done.out == ""
    assert told in done.err
    assert len(done.err.splitlines()) <= 2
    assert jobs_of(store) == []


def test_bad_data_creates_no_home(run, home):
    run("enqueue", '{"command":""}')
    run("enqueue", "-p", "11", "true")
    run("enqueue", "--dry-run", "true")

    assert not home.exists()


def test_a_typo_in_a_field_gets_the_right_name(run):
    assert 'did you mean "priority"?' in run("enqueue", '{"command":"a","prioritiy":1}').err


def test_lost_quotes_get_a_hint(run):
    assert "keep the shell's hands off" in run("enqueue", "{command: a}").err


def test_a_command_above_the_kernels_limit_is_refused(run, store):
    assert run("enqueue", "x" * 131_071).code == 0
    assert run("enqueue", "x" * 131_072).code == 65
    assert run("enqueue", "--", "prog", "y" * 131_072).code == 65
    assert len(jobs_of(store)) == 1


def test_bytes_that_are_no_utf8_are_refused(run):
    done = run("enqueue", "echo \udcff")

    assert done.code == 65
    assert "not valid UTF-8 at position 6" in done.err


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        ([], 64, "there is no command"),
        (["--at", "now", "--in", "5", "x"], 64, "do not go together"),
        (["--atomic", "x"], 64, "--atomic goes with"),
        (["--stdin", "x"], 64, "do not go together"),
        (["--stdin", "--id", "a"], 64, "can't name many"),
        (["--on-conflict", "ignore", "x"], 64, "must be error, skip, replace"),
        (["--env", "A", "x"], 65, 'has no "="'),
        (["-p", "high", "x"], 65, 'not "high"'),
        (["--retries", "-1", "x"], 65, "not -1"),
        (["--in", "-5", "x"], 65, "not a duration"),
        (["--queue", "a b", "x"], 65, "is not a name"),
        (['{"command":"x"}', "foo"], 64, "only options can follow"),
        (["--prio", "3", "x"], 64, "did you mean --priority?"),
        (["--id"], 64, "--id needs a value"),
        (["--shell=yes", "x"], 64, "takes no value"),
        (["--id", "a", "--id", "b", "x"], 64, "--id is given twice"),
    ],
)
def test_a_wrong_command_line_is_named_and_adds_nothing(run, store, argv, code, told):
    done = run("enqueue", *argv)

    assert done.code == code
    assert told in done.err
    assert jobs_of(store) == []


def test_a_directory_that_is_gone_is_told(run, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    done = run("enqueue", '{"command":"true"}')

    assert done.code == 64
    assert "does not exist any more" in done.err
