"""The options on how a job runs, from the command line to the queue."""

from __future__ import annotations

import json

from queuectl_core.options import JobOptions


def job(store, number=1):
    return store.job_by_number(number)


def test_every_option_reaches_the_job_and_its_record(run, store):
    done = run(
        *("enqueue", "--jitter", "20%", "--retry-on", "75,timeout", "--no-retry-on", "64"),
        *("--ok-codes", "3", "--kill-after", "500ms", "--verify", "test -s x", "--nice", "5"),
        *("--allow-background", "--", "make", "it"),
    )

    assert done.code == 0
    assert job(store).options == JobOptions(
        jitter="20%",
        retry_on="75,timeout",
        no_retry_on="64",
        ok_codes="3",
        kill_after_ms=500,
        verify="test -s x",
        nice=5,
        allow_background=True,
    )
    record = run("show", "1", "--json").records[0]
    assert (record["nice"], record["kill_after"], record["ok_codes"]) == (5, 0.5, "3")


def test_a_job_without_options_has_no_such_field_and_no_column(run, store):
    run("enqueue", "true")

    assert job(store).options is None
    assert "nice" not in run("show", "1", "--json").records[0]


def test_a_record_can_be_enqueued_again_with_its_options(run, store):
    run("enqueue", "--nice", "5", "--input", "-", "true", stdin=b"a\xffb")
    text = run("show", "1", "--json").out

    assert run("enqueue", text).code == 0

    assert job(store, 2).options == job(store, 1).options
    assert job(store, 2).options.stdin() == b"a\xffb"


def test_a_dry_run_shows_the_options(run):
    done = run("enqueue", "--dry-run", "--json", "--nice", "-5", "true")

    assert done.records[0]["nice"] == -5


def test_a_wrong_option_is_one_line_and_a_hint(run):
    done = run("enqueue", "--nice", "high", "true")

    assert done.code == 65
    assert done.err.startswith(
        'queuectl: --nice must be a whole number from -20 to 19, not "high"\n'
    )
    assert run("enqueue", "--ok-codes", "1-", "true").code == 65
    assert run("enqueue", "--jitter", "many", "true").code == 65


def test_stdin_or_a_file_is_what_the_job_reads(run, store, tmp_path):
    (tmp_path / "data").write_text("from a file\n")

    run("enqueue", "--input", "-", "cat", stdin=b"from stdin\n")
    run("enqueue", "--input", str(tmp_path / "data"), "cat")

    assert [job(store, number).options.input for number in (1, 2)] == [
        "from stdin\n",
        "from a file\n",
    ]


def test_a_large_input_is_refused_with_the_way_out(run, tmp_path):
    with (tmp_path / "big").open("wb") as file:
        file.truncate(5_000_000)

    done = run("enqueue", "--input", str(tmp_path / "big"), "cat")

    assert done.code == 65
    assert "has 5,000,000 bytes; the queue keeps up to 1,048,576" in done.err
    assert "hint: let the job read the file: queuectl enqueue 'CMD < FILE'" in done.err


def test_an_input_that_is_not_there_is_66(run):
    done = run("enqueue", "--input", "nowhere", "cat")

    assert (done.code, done.err.splitlines()[0]) == (
        66,
        "queuectl: --input nowhere can't be read: No such file or directory",
    )


def test_variables_come_from_here_from_a_file_and_from_the_line(run, store, tmp_path, monkeypatch):
    for name, value in {"SHOP_A": "here", "SHOP_B": "here", "SHOP_C": "here", "X": "no"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "env").write_text("SHOP_B=file\nSHOP_C=file\n")

    run(
        *("enqueue", "--inherit-env", "SHOP_*", "--inherit-env", "QUEUECTL_*"),
        *("--env-file", str(tmp_path / "env"), "--env", "SHOP_C=line", "true"),
    )

    assert job(store).env == {"SHOP_A": "here", "SHOP_B": "file", "SHOP_C": "line"}


def test_a_wrong_file_of_variables_is_named_with_the_line(run, tmp_path):
    (tmp_path / "env").write_text("A=1\nnonsense\n")
    (tmp_path / "latin").write_bytes(b"A=1\nB=\xe4\n")

    done = run("enqueue", "--env-file", str(tmp_path / "env"), "true")
    latin = run("enqueue", "--env-file", str(tmp_path / "latin"), "true")

    assert (done.code, latin.code) == (65, 65)
    assert done.err.startswith(f'queuectl: {tmp_path}/env: line 2 has no =: "nonsense"\n')
    assert latin.err.startswith(f"queuectl: {tmp_path}/latin: line 2 is not valid UTF-8\n")
    assert run("enqueue", "--env-file", "nowhere", "true").code == 66


def test_stdin_can_not_be_the_jobs_and_their_input(run):
    assert run("enqueue", "--stdin", "--input", "-", stdin=b"true\n").code == 64


def test_options_go_to_each_line_of_a_stream(run, store):
    run("enqueue", "--stdin", "--nice", "3", stdin=b'true\n{"command":"true","nice":9}\n')

    assert [job(store, number).options.nice for number in (1, 2)] == [3, 3]


def test_show_does_not_print_a_large_input(run):
    run("enqueue", "--input", "-", "cat", stdin=b"x" * 200_000)

    assert "(200,000 characters)" in run("show", "1").out
    assert len(run("show", "1").out) < 2_000
    assert len(json.loads(run("show", "1", "--json").out)["input"]) == 200_000
