from __future__ import annotations

import pytest

from tests.builders import jobs_of

MIXED = b"""\
{"id":"a","command":"one"}
echo a shell line

{"command":1}
[ -f x ] && true
\xff
{"id":"a","command":"again"}
{"id":"b","command":"last"}"""


def commands(store):
    return [job.command for job in reversed(jobs_of(store))]


def test_good_lines_are_kept_and_bad_ones_told_by_number(run, store):
    done = run("enqueue", "--stdin", stdin=MIXED)

    assert done.code == 65
    assert done.out == "Enqueued 4 jobs\n"
    assert commands(store) == ["one", "echo a shell line", "[ -f x ] && true", "last"]
    told = done.err.splitlines()
    assert [line.split(":")[1].strip() for line in told] == ["line 4", "line 6", "line 7"]


def test_ids_that_exist_alone_give_73(run, store):
    done = run("enqueue", "--stdin", stdin=b'{"id":"a","command":"x"}\n' * 2)

    assert done.code == 73
    assert len(jobs_of(store)) == 1


def test_skipped_jobs_are_counted_apart(run):
    text = b'{"id":"a","command":"x"}\n'

    done = run("enqueue", "--stdin", "--on-conflict", "skip", stdin=text * 3)

    assert done == (0, "Enqueued 1 job; 2 existed already\n", "")


def test_atomic_adds_all_or_none(run, store):
    bad = run("enqueue", "--stdin", "--atomic", stdin=MIXED)
    twice = run("enqueue", "--stdin", "--atomic", stdin=b'{"id":"a","command":"x"}\n' * 2)
    assert jobs_of(store) == []

    good = run("enqueue", "--stdin", "--atomic", stdin=b"a\nb\n")

    assert (bad.code, twice.code, good.code) == (65, 73, 0)
    assert "line 4" in bad.err
    assert commands(store) == ["a", "b"]


def test_a_file_is_read_with_options_for_every_line(run, store, tmp_path):
    file = tmp_path / "jobs.txt"
    file.write_bytes(b'\xef\xbb\xbfone\r\n{"command":"two","priority":1}\r\n')

    done = run("enqueue", "-f", str(file), "-p", "8", "--queue", "q")

    assert done.out == "Enqueued 2 jobs\n"
    assert commands(store) == ["one", "two"]
    assert {(job.priority, job.queue) for job in jobs_of(store)} == {(8, "q")}


def test_a_file_that_is_not_there_gives_66(run, tmp_path):
    missing = run("enqueue", "--file", str(tmp_path / "nothing"))
    directory = run("enqueue", "--file", str(tmp_path))

    assert (missing.code, directory.code) == (66, 66)
    assert "No such file" in missing.err


def test_a_dry_run_judges_and_adds_nothing(run, store):
    done = run("enqueue", "--stdin", "--dry-run", stdin=MIXED)

    assert done.code == 65
    assert done.out == "Would enqueue 5 jobs\n"
    assert jobs_of(store) == []


@pytest.mark.parametrize("chunk_end", [4_999, 5_000, 5_001])
def test_thousands_come_in_their_order(run, store, chunk_end):
    text = b"".join(b"echo %d\n" % number for number in range(chunk_end))

    done = run("enqueue", "--stdin", stdin=text)

    assert done.out == f"Enqueued {chunk_end:,} jobs\n"
    assert store.job_by_number(1).command == "echo 0"
    assert store.job_by_number(chunk_end).command == f"echo {chunk_end - 1}"


def test_quiet_and_json_tell_of_each_job(run):
    quiet = run("enqueue", "--stdin", "-q", stdin=b'{"id":"a","command":"x"}\ny\n')
    records = run("enqueue", "--stdin", "--json", stdin=b"x\ny\n").records

    assert quiet.out == "a\n2\n"
    assert [record["number"] for record in records] == [3, 4]


def test_a_line_without_end_is_refused_and_the_next_is_taken(run, store):
    text = b"x" * (6 << 20) + b"\ntrue\n"

    done = run("enqueue", "--stdin", stdin=text)

    assert done.code == 65
    assert "line 1: the line is longer" in done.err
    assert commands(store) == ["true"]


def test_nothing_to_read_is_no_error(run):
    assert run("enqueue", "--stdin") == (0, "Enqueued 0 jobs\n", "")
