"""The executable for callers that are no people: cron's environment, noise, other languages."""

from __future__ import annotations

import json
import random
import shlex

import pytest

from queuectl_core.cli import anatomy, usage
from tests.cli import fuzz
from tests.cli.test_examples import SERVING, examples, is_live
from tests.cli.test_usage import words_of

pytestmark = pytest.mark.binary

CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "cron", "HOME": None, "LANG": None}
LINES = 100_000
BAD_EVERY = 1_000
LANGUAGES = (
    "你好, 世界",
    "Привет, мир",
    "مرحبا بالعالم",
    "שלום עולם",
    "नमस्ते दुनिया",
    "こんにちは世界",
    "안녕하세요",
    "สวัสดีชาวโลก",
    "Γειά Κόσμε",
    "👩\u200d👧 é e\u0301",
)


def test_cron_can_use_it_without_home_and_locale(sandbox):
    sandbox.home.mkdir(mode=0o700)
    env = CRON | {"QUEUECTL_HOME": str(sandbox.home)}

    added = sandbox.ok("enqueue", "-q", "--id", "nightly", "--", "echo", "héllo", env=env)
    drained = sandbox.run("worker", "start", "--drain", env=env)

    assert (added.out, added.err) == ("nightly\n", "")
    assert drained.code == 0, drained
    assert sandbox.ok("logs", "nightly", env=env).out == "héllo\n"
    assert sandbox.ok("wait", "-q", "nightly", env=env).out == ""


@pytest.mark.parametrize("verb", [verb for verb in usage.VERBS if verb not in SERVING])
def test_a_verb_ends_well_with_every_stream_closed(sandbox, verb):
    words = anatomy.read(verb).examples[0].split(" < ")[0].split(" > ")[0]
    line = words.replace("queuectl ", '"$QUEUECTL" ', 1).replace("/backup/", f"{sandbox.root}/")

    ended = [
        sandbox.shell(f"{line} {how}", env={"XDG_CONFIG_HOME": None})
        for how in ("--help <&- >/dev/full", "<&- >&- 2>&-", "<&- 2>&1 | true")
    ]

    assert ended[0].code in {74, 0, 4, 64}, ended[0]
    assert ended[1].code in {0, 1, 3, 4, 64, 65, 66, 69, 73, 74, 124}, ended[1]
    assert not [done for done in ended if "Traceback" in done.out + done.err]


@pytest.mark.parametrize(
    ("verb", "line"), [one for one in examples(that_stay=True) if not is_live(*one)]
)
def test_an_example_that_stays_works_until_it_is_told_to_end(sandbox, verb, line):
    programs = sandbox.root / "programs"
    programs.mkdir()
    for name in ("rsync", "pg_dump", "backup.sh", "publish.sh"):
        for path in (programs / name, sandbox.root / name):
            path.write_text("#!/bin/sh\necho $0 $*\n")
            path.chmod(0o755)
    if verb == "enqueue":
        sandbox.start_worker()
    if "0.0.0.0" in line:
        sandbox.ok("web", "token", "add", "ann")
    if verb == "hook test":
        sandbox.ok("hook", "add", "dead", "true")
    (sandbox.root / "src").mkdir()
    words = shlex.join(words_of(line)[1:])
    path = {"PATH": f"{programs}:/usr/bin:/bin"}

    done = sandbox.shell(f'timeout --preserve-status -s TERM 3 "$QUEUECTL" {words}', env=path)

    # nobody serves, so there is none to ask for its health
    assert done.code in ({69} if "--healthcheck" in line else {0, 143}), done
    assert "Traceback" not in done.out + done.err


def test_a_hundred_thousand_lines_with_bad_ones_among_them(sandbox):
    lines = [f'{{"id":"j{number}","command":"true"}}' for number in range(LINES)]
    wrong = range(BAD_EVERY - 1, LINES, BAD_EVERY)
    noise = [
        '{"id":',
        '{"priority":11,"command":"x"}',
        '{"nope":1}',
        '{"id":"a b","command":"x"}',
        '{"command":1}',
    ]
    for position, number in enumerate(wrong):
        lines[number] = noise[position % len(noise)]

    done = sandbox.run("enqueue", "--stdin", stdin="\n".join(lines).encode())

    assert done.code == 65, done.err[-500:]
    assert done.out == f"Enqueued {LINES - len(wrong):,} jobs\n"
    told = done.err.splitlines()
    assert [int(line.split()[2].rstrip(":")) for line in told] == [number + 1 for number in wrong]
    assert sandbox.ok("status", "--json").record["pending"] == LINES - len(wrong)


def test_bad_lines_of_json_are_json(sandbox):
    done = sandbox.run("enqueue", "--stdin", "--json", stdin=b'{"command":"true"}\n{"x":1}\nno\n')

    assert done.code == 65
    assert [record["command"] for record in done.records] == ["true", "no"]
    assert [json.loads(line)["line"] for line in done.err.splitlines()] == [2]


@pytest.mark.parametrize("text", LANGUAGES)
def test_commands_in_any_language_come_back_as_they_were(busy, text):
    command, env = f"echo {text}", {"LANG": None, "LC_ALL": None}
    name = busy.ok("enqueue", "-q", command, env=env).out.strip()
    busy.finished(name)

    assert busy.ok("show", "--json", name, env=env).record["command"] == command
    assert busy.ok("logs", name, env=env).out == f"{text}\n"


@pytest.mark.parametrize("job_id", ["日本語", "ключ", "a b", "", "x" * 129, "a/b", "é"])
def test_an_id_that_no_tool_could_type_is_refused(sandbox, job_id):
    done = sandbox.refused(65, "enqueue", "--id", job_id, "true")

    assert "--id" in done.err


def test_fifty_noisy_command_lines(sandbox):
    rng = random.Random(2024)
    sandbox.ok("enqueue", "--id", "kept", "true")
    run = 0
    while run < 50:
        argv = [
            word.encode("utf-8", "surrogateescape") for word in _sayable(fuzz.command_line(rng))
        ]
        if sum(map(len, argv)) > 100_000:
            continue
        run += 1

        done = sandbox.run(*argv, env={"XDG_CONFIG_HOME": None})

        assert done.code in {0, 1, 3, 4, *range(64, 79), 124}, done
        assert done.code != 70, done
        assert "Traceback" not in done.out + done.err, done
        assert "Exception ignored" not in done.err, done


def _sayable(argv: list[str]) -> list[str]:
    """Return words that an operating system can hand over: a surrogate stands for a byte."""
    return [word for word in argv if not any("\ud800" <= char < "\udc80" for char in word)]


def test_version_tells_what_is_inside(sandbox):
    record = sandbox.ok("version", "--json").record

    assert record["frozen"] is True
    assert record["python"].startswith("3.")
    assert tuple(map(int, record["sqlite"].split("."))) >= (3, 51, 3)
    assert record["sqlite_source_id"].count("-") >= 2
    assert {"apsw", "docopt-ng", "pyinstaller"} <= set(record["packages"])
    assert record["packages"]["apsw"] == record["apsw"]
    assert record["libc"].startswith("glibc ")


def test_the_executable_brings_its_manual_pages(sandbox):
    page = sandbox.ok("help", "--man", "enqueue").out

    assert page.startswith(".TH QUEUECTL\\-ENQUEUE 1")
    shown = sandbox.shell(
        f'"$QUEUECTL" help --man | mandoc -Tascii | col -b | head -n {shlex.quote("5")}'
    )
    assert "queuectl - a background job queue in one executable" in shown.out


def test_a_tab_is_quick_to_answer_and_silent(sandbox):
    sandbox.ok("enqueue", "--id", "nightly", "true")

    assert sandbox.ok("__complete", "fish", "show", "").lines == [
        "nightly\tpending: true",
        ":nothing",
    ]
    assert sandbox.ok("__complete", "bash", "wor").lines == ["worker", ":nothing"]
    assert sandbox.ok("__complete", "bash", "show", "", env={"HOME": "/sys"}).err == ""
