"""Completion in the shells themselves: each script is loaded and asked as a TAB would ask it."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys

import pytest

from queuectl_core.cli import completion, shells, usage
from queuectl_core.lifecycle import STATES
from tests.cli.test_process import CLEAN, ROOT


@pytest.fixture
def offered(run):
    """Return what is offered for the last word: `offered("list", "--state", "p")`."""

    def offered(*words: str, shell: str = "fish") -> list[str]:
        done = run("__complete", shell, *words)
        assert (done.code, done.err) == (0, "")
        return [line.partition("\t")[0] for line in done.lines]

    return offered


@pytest.fixture
def shell(tmp_path):
    """Run lines in a shell that finds a `queuectl` made of these sources."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "queuectl"
    words = [sys.executable, *CLEAN, os.path.join(ROOT, "queuectl.py")]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)

    def shell(name: str, *argv: str, lines: str) -> list[str]:
        path = shutil.which(name)
        if path is None:
            pytest.fail(f"{name} is missing; scripts/test installs it", pytrace=False)
        env = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "TERM": "dumb"}
        done = subprocess.run(
            [path, *argv, "-c", lines],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == "", done.stderr
        assert done.returncode == 0
        return done.stdout.splitlines()

    return shell


# --- what is offered ---


def test_verbs_come_first(offered):
    assert offered("")[0] == "enqueue"
    assert set(offered("")[:-1]) == {verb.split()[0] for verb in usage.VERBS}
    assert offered("st") == ["status", ":nothing"]
    assert offered("--home", "/x", "enq") == ["enqueue", ":nothing"]


@pytest.mark.parametrize("group", usage.GROUPS)
def test_a_group_offers_its_verbs(offered, group):
    assert offered(group, "")[:-1] == usage.verbs_of(group)
    assert offered("help", group, "")[:-1] == usage.verbs_of(group)


@pytest.mark.parametrize("verb", list(usage.VERBS))
def test_every_verb_offers_its_options(offered, verb):
    found = offered(*verb.split(), "--")

    assert {"--home", "--json", "--help"} <= set(found)
    assert [
        name for name in found[:-1] if f"  {name}" not in usage.text(verb).replace(", ", "  ")
    ] == []


def test_values_of_options(offered):
    assert offered("list", "--state", "")[:-1] == list(STATES)
    assert offered("list", "--state=de") == ["--state=dead", ":nothing"]
    assert offered("enqueue", "--on-conflict", "") == ["error", "skip", "replace", ":nothing"]
    assert offered("enqueue", "--on-crash", "h") == ["hold", ":nothing"]
    assert offered("enqueue", "-p", "1") == ["10", "1", ":nothing"]
    assert offered("enqueue", "--id", "") == [":nothing"]
    assert offered("enqueue", "--cwd", "") == [":directories"]
    assert offered("enqueue", "--file", "x") == [":files"]
    assert offered("--home", "") == [":directories"]
    assert offered("list", "--sort", "d") == ["duration", ":nothing"]
    assert offered("dlq", "list", "--columns", "id,st") == ["id,state", "id,started_at", ":nothing"]


def test_every_short_list_is_one_that_the_verb_takes(run):
    for option, kind in completion.CHOICES_OF.items():
        listing = option in {"--sort", "--columns"}
        verb = ["list"] if listing else ["enqueue", "--dry-run"]
        if option in {"--overlap", "--catch-up"}:
            verb = ["schedule", "add", "--replace", "nightly", "@daily"]
        if option == "--schedule":
            continue  # looked up in the queue
        for value, _ in completion.FIXED[kind](completion.Place(verb[0], (), "")):
            assert run(*verb, option, value, *([] if listing else ["true"])).code == 0


def test_settings_and_their_values(offered):
    assert "max-retries" in offered("config", "get", "")
    assert offered("config", "set", "naive-time", "") == ["local", "utc", ":nothing"]
    assert offered("config", "set", "max-retries", "") == [":nothing"]
    assert offered("config", "get", "max-retries", "") == [":nothing"]


def test_schedules_of_the_queue_and_what_they_take(run, offered):
    run("schedule", "add", "nightly", "@daily", "--", "true")

    assert offered("schedule", "show", "") == ["nightly", ":nothing"]
    assert offered("schedule", "run", "n") == ["nightly", ":nothing"]
    assert offered("list", "--schedule", "") == ["nightly", ":nothing"]
    assert offered("schedule", "add", "x", "@d") == ["@daily", ":nothing"]
    assert offered("schedule", "add", "x", "@daily", "--overlap", "re") == ["replace", ":nothing"]
    assert "Europe/Berlin" in offered("schedule", "edit", "x", "--tz", "Europe/B")
    assert offered("schedule", "add", "x", "@daily", "") == [":commands"]
    assert offered("schedule", "add", "x", "@daily", "cat", "") == [":files"]


def test_jobs_and_queues_of_the_queue(run, offered, dead_job):
    dead_job("broken")
    run("enqueue", "--id", "nightly", "--queue", "mail", "--", "true", "x")

    assert offered("show", "") == ["nightly", "broken", ":nothing"]
    assert offered("show", "nightly", "b") == ["broken", ":nothing"]
    assert offered("dlq", "retry", "") == ["broken", ":nothing"]
    assert offered("list", "--queue", "") == ["default", "mail", ":nothing"]
    assert offered("list", "--queue=m") == ["--queue=mail", ":nothing"]


def test_the_queue_of_the_command_line_counts(run, offered, tmp_path):
    other = str(tmp_path / "other place")
    run("enqueue", "--home", other, "--id", "there", "true")

    assert offered("--home", shlex.quote(other), "show", "") == ["there", ":nothing"]
    assert offered("show", "--home", shlex.quote(other), "") == ["there", ":nothing"]
    assert offered("show", "") == [":nothing"]


def test_the_command_of_a_job_is_not_ours(offered):
    assert offered("enqueue", "") == [":commands"]
    assert offered("enqueue", "rsync", "-") == [":files"]
    assert offered("enqueue", "--", "rsy") == [":commands"]
    assert offered("enqueue", "--", "rsync", "") == [":files"]


def test_bash_takes_words_apart_at_some_signs(run, offered):
    run("enqueue", "--id", "a:1", "true")

    assert offered("list", "--state", "=", "de", shell="bash") == ["dead", ":nothing"]
    assert offered("show", "a", ":", "", shell="bash") == ["1", ":nothing"]
    assert offered("show", "a", ":", "1", shell="bash") == ["1", ":nothing"]


def test_zsh_gets_signs_escaped(run, offered):
    run("enqueue", "--id", "a:1", "true")

    assert offered("show", "", shell="zsh") == ["a\\:1:pending: true", ":nothing"]


def test_a_tab_creates_nothing_and_never_complains(run, offered, home):
    assert offered("show", "") == [":nothing"]
    assert not home.exists()
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    (home / "queue.db").write_text("no queue")
    assert offered("show", "") == [":nothing"]
    (home / "config.json").write_text("{")
    assert offered("list", "--queue", "") == [":nothing"]
    assert run("__complete") == run("__complete", "bash") == (0, "", "")
    for words in (("lst", ""), ("--", ""), ("list", "--nope", ""), ("list", "'"), ("",)):
        assert offered(*words)


# --- the scripts ---


def test_the_scripts_are_printed(run):
    for name, script in shells.SCRIPTS.items():
        assert run("completion", name) == (0, script, "")
        assert run("completion", name, "--json").records == [{"shell": name, "script": script}]

    done = run("completion", "fsh")
    assert done.code == 64
    assert "did you mean fish?" in done.err


def bash(shell, *words):
    line = " ".join(f"'{word}'" for word in words)
    return shell(
        "bash",
        "--norc",
        "--noprofile",
        lines=f"""
        source <(queuectl completion bash)
        complete -p queuectl | grep -q _queuectl || exit 9
        compopt() {{ echo "compopt $*"; }}
        COMP_WORDS=(queuectl {line})
        COMP_CWORD={len(words)}
        _queuectl
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """,
    )


def test_bash_completes(run, shell):
    run("enqueue", "--id", "nightly", "true")

    assert bash(shell, "work") == ["worker"]
    assert bash(shell, "worker", "st") == ["start", "stop"]
    assert bash(shell, "show", "") == ["nightly"]
    assert bash(shell, "list", "--state", "=", "de") == ["dead"]
    assert bash(shell, "enqueue", "--file", "") == ["compopt -o default", ""]
    assert "bash" in bash(shell, "enqueue", "bas")
    assert bash(shell, "nonsense", "") == [""]


def fish(shell, line):
    return shell(
        "fish", "--no-config", lines=f"queuectl completion fish | source; complete -C '{line}'"
    )


def test_fish_completes(run, shell):
    run("enqueue", "--id", "nightly", "true")

    assert "worker\tverbs: start, stop, health, list" in fish(shell, "queuectl work")
    assert [line.partition("\t")[0] for line in fish(shell, "queuectl worker st")] == [
        "start",
        "stop",
    ]
    assert fish(shell, "queuectl show ") == ["nightly\tpending: true"]
    assert fish(shell, "queuectl list --state=de") == ["--state=dead\tstate"]
    assert len([line for line in fish(shell, "queuectl ") if line.startswith("enqueue\t")]) == 1


@pytest.fixture
def zsh(tmp_path, shell):
    """Type into a zsh on a terminal of its own; return what `queuectl` was called with."""
    shell("zsh", "-f", lines="true")
    setup = tmp_path / "setup"
    setup.write_text(
        "PS1=; unset zle_bracketed_paste; zstyle ':completion:*' list-prompt ''\n"
        f"autoload -Uz compinit && compinit -u -d {tmp_path / 'dump'}\n"
        "source <(command queuectl completion zsh)\n"
        "queuectl() {\n"
        '    if [[ $1 == __complete ]]; then command queuectl "$@"\n'
        '    else print -r -- "GOT $* END"; fi\n'
        "}\n"
        "print -r -- REA''DY\n"
    )

    def zsh(typed: str) -> str:
        master, slave = pty.openpty()
        env = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TERM": "xterm"}
        process = subprocess.Popen(
            ["zsh", "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, env=env, process_group=0
        )
        os.close(slave)
        try:
            os.write(master, f"source {setup}\n".encode())
            hear(master, "READY")
            os.write(master, f"{typed}\r".encode())
            return hear(master, " END").rpartition("GOT ")[2].removesuffix(" END")
        finally:
            process.kill()
            process.wait()
            os.close(master)

    return zsh


def hear(terminal: int, until: str) -> str:
    """Return what a terminal shows up to a word."""
    heard = ""
    while until not in heard:
        readable, _, _ = select.select([terminal], [], [], 20)
        assert readable, f"no {until!r} in {heard!r}"
        heard += os.read(terminal, 4096).decode(errors="replace")
    return heard[: heard.index(until) + len(until)]


def test_zsh_completes(run, zsh):
    run("enqueue", "--id", "night:ly", "true")

    assert zsh("queuectl wor\tsta\t") == "worker start"
    assert zsh("queuectl show n\t") == "show night:ly"
    assert zsh("queuectl list --state=de\t") == "list --state=dead"
    assert zsh("queuectl config get max-r\t") == "config get max-retries"
