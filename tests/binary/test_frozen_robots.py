"""Callers that are no people: cron, containers, pipes, and terminals that went away."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tempfile

import pytest

from tests.binary.sandbox import eventually

pytestmark = pytest.mark.binary

NOBODY = 65534
UNKNOWN = 54321
"""A user id that no passwd file has."""


def alone(sandbox, *args, prefix=(), user=None, env=None):
    """Run with an empty environment, or only `env`: no PATH, no HOME, no TMPDIR."""
    nothing = dict.fromkeys(sandbox.env)
    return sandbox.run(*args, prefix=prefix, user=user, env=nothing | (env or {}))


# --- environment and home ---


def test_an_empty_environment_is_enough(sandbox):
    home = str(sandbox.home)

    assert alone(sandbox, "enqueue", "--home", home, "--id", "a", "true").code == 0
    assert alone(sandbox, "list", "--home", home, "--json").record["id"] == "a"
    assert alone(sandbox, "version").code == 0


def test_a_worker_without_environment_runs_jobs(sandbox):
    sandbox.enqueue("echo $PATH; echo done", "--id", "a")
    argv = [sandbox.executable, "worker", "start", "--drain", "--home", str(sandbox.home)]

    # HOME is how the sandbox finds what to sweep
    ended = subprocess.run(
        argv, env={"HOME": str(sandbox.root)}, timeout=30, capture_output=True, check=False
    )

    assert ended.returncode == 0, ended
    assert sandbox.ok("logs", "a").lines[-1] == "done"


def test_without_home_the_passwd_entry_counts(sandbox, root):
    passwd = sandbox.root / "passwd"
    passwd.write_text(f"root:x:0:0:root:{sandbox.root}:/bin/sh\n")
    mount = [
        "/usr/bin/unshare",
        "-m",
        "/bin/sh",
        "-c",
        f'mount --bind {passwd} /etc/passwd && exec "$@"',
        "sh",
    ]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount here")

    added = alone(sandbox, "enqueue", "true", prefix=mount, env={"PATH": sandbox.env["PATH"]})

    assert added.code == 0, added
    assert (sandbox.home / "queue.db").exists()


def test_without_home_and_passwd_entry_the_error_says_what_to_do(sandbox, root):
    done = alone(sandbox, "status", user=UNKNOWN)

    assert done.code == 78, done
    assert "QUEUECTL_HOME" in done.err


@pytest.mark.parametrize(
    "args",
    [["enqueue", "true"], ["worker", "start"], ["config", "set", "max-retries", "5"]],
)
def test_a_home_that_cannot_be_written_exits_77(sandbox, args):
    done = sandbox.refused(77, *args, env={"HOME": "/sys"})

    assert "/sys/.queuectl" in done.err


def test_a_directory_of_another_user_exits_77(sandbox, root):
    done = sandbox.refused(
        77, "enqueue", "true", user=NOBODY, env={"HOME": "/", "TMPDIR": "/tmp"}, cwd="/"
    )

    assert "/.queuectl" in done.err


def test_a_user_without_rights_can_use_it(sandbox, root):
    # below /tmp itself: pytest's own directories are closed to others
    with tempfile.TemporaryDirectory(prefix="queuectl-nobody-") as home:
        os.chown(home, NOBODY, NOBODY)
        options = {"user": NOBODY, "cwd": "/", "env": {"QUEUECTL_HOME": home, "TMPDIR": home}}
        name = sandbox.ok("enqueue", "-q", "id -u", **options).out.strip()

        drained = sandbox.ok("worker", "start", "--drain", **options)

        assert "running as root" not in drained.err
        assert sandbox.ok("logs", name, **options).out == f"{NOBODY}\n"
        assert not [entry for entry in os.listdir(home) if entry.startswith("_MEI")]
    assert not sandbox.home.exists()


@pytest.mark.parametrize("umask", ["000", "077"])
def test_files_are_private_whatever_the_umask(sandbox, umask):
    done = sandbox.shell(
        f'umask {umask}; "$QUEUECTL" enqueue true && "$QUEUECTL" config set max-retries 5'
    )

    assert done.code == 0, done
    modes = {
        path: stat.S_IMODE(path.stat().st_mode) for path in (sandbox.home, *sandbox.home.rglob("*"))
    }
    assert [path for path, mode in modes.items() if mode & 0o077] == []


# --- text ---


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "POSIX"}, {"LANG": "xx_XX.ISO-8859-1"}])
def test_utf_8_passes_whatever_the_locale(busy, locale):
    name = busy.ok("enqueue", "-q", "echo grüße ☃ 𝄞", env=locale).out.strip()
    busy.finished(name)

    assert "echo grüße ☃ 𝄞" in busy.ok("list", env=locale).out
    assert busy.ok("logs", name, env=locale).out == "grüße ☃ 𝄞\n"
    assert (
        json.loads(busy.ok("show", "--json", name, env=locale).out)["command"] == "echo grüße ☃ 𝄞"
    )


@pytest.mark.parametrize(
    "args",
    [
        [b"enqueue", b"echo \xff"],
        [b"enqueue", b"--", b"echo", b"\xff"],
        [b"enqueue", b'{"command":"echo \xff"}'],
        [b"enqueue", b"--id", b"\xff", b"true"],
        [b"enqueue", b"--queue", b"\xff", b"true"],
        [b"enqueue", b"--env", b"A=\xff", b"true"],
        [b"list", b"--state", b"\xff"],
        [b"list", b"--\xff"],
        [b"config", b"get", b"\xff"],
        [b"\xff"],
        [b"show", b"\xff"],
        [b"logs", b"\xff"],
        [b"wait", b"\xff"],
        [b"cancel", b"\xff"],
    ],
    ids=lambda args: " ".join(word.decode("ascii", "backslashreplace") for word in args),
)
def test_bytes_that_are_not_utf_8_are_refused_with_a_message(sandbox, args):
    done = sandbox.run(*args)

    assert done.code in {4, 64, 65, 78}, done
    assert done.err.startswith("queuectl: ")
    assert "Traceback" not in done.err


@pytest.mark.parametrize("option", ["--home", "--db", "--queue"])
def test_an_option_that_is_not_utf_8_works_or_is_refused(sandbox, option):
    done = sandbox.run(b"list", option.encode(), b"\xff")

    assert done.code in {0, 64, 65, 77, 78}, done
    assert "unexpected" not in done.err


def test_a_job_may_write_any_bytes(busy):
    name = busy.enqueue("printf '\\377\\000\\033[31m\\n'")
    busy.finished(name)

    assert busy.ok("logs", name).raw_out == b"\xff\0\x1b[31m\n"


# --- standard streams ---


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_harm_nothing(sandbox, closed):
    done = sandbox.shell(f'"$QUEUECTL" enqueue --id a "echo x" {closed}')
    listed = sandbox.shell(f'"$QUEUECTL" list {closed}')

    assert (done.code, listed.code) == (0, 0), (done, listed)
    assert sandbox.job("a")["state"] == "pending"


def test_a_worker_with_closed_streams_runs_jobs(sandbox):
    sandbox.enqueue("cat; echo done; echo done >&2", "--id", "a")

    ended = sandbox.shell('"$QUEUECTL" worker start --drain <&- >&- 2>&-')

    assert ended.code == 0
    assert sandbox.ok("logs", "a").out == "done\ndone\n"
    assert "drained" in (sandbox.home / "logs" / "worker-1.log").read_text()


@pytest.mark.parametrize("command", ["list", "status", "help", "list --json", "enqueue true"])
def test_a_full_disk_behind_stdout_is_an_error(sandbox, command):
    sandbox.ok("enqueue", "true")

    done = sandbox.shell(f'"$QUEUECTL" {command} >/dev/full')

    assert done.code == 74, done
    assert "could not be written" in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) == (1 if "--json" in command else 2)


def test_a_reader_that_has_seen_enough_is_no_error(sandbox):
    jobs = b'{"command":"echo a line of some length, so that a pipe cannot hold them all"}\n' * 1000
    sandbox.ok("enqueue", "--stdin", stdin=jobs)

    for command in ("list", "list --json"):
        done = sandbox.shell(f'set -o pipefail; "$QUEUECTL" {command} | head -n 1')
        assert (done.code, done.err, len(done.lines)) == (0, "", 1)


def test_nothing_waits_for_an_answer(sandbox):
    sandbox.ok("enqueue", "--id", "a", "true")

    for args in (["cancel", "a"], ["retry", "a"], ["dlq", "retry", "--all"]):
        assert sandbox.shell(f'"$QUEUECTL" {" ".join(args)} <&-').code == 0


# --- directories ---


def test_a_directory_that_is_gone_is_named(sandbox):
    done = sandbox.shell('mkdir gone; cd gone; rmdir ../gone; "$QUEUECTL" enqueue true')
    assert done.code == 64
    assert "does not exist any more" in done.err

    assert sandbox.shell('mkdir gone; cd gone; rmdir ../gone; "$QUEUECTL" status').code == 0


def test_a_temporary_directory_that_is_missing_does_not_matter(sandbox):
    assert sandbox.ok("version", env={"TMPDIR": "/no/such/directory"}).out


def test_a_temporary_directory_without_exec_is_told_of(sandbox, root):
    mount = [
        "/usr/bin/unshare",
        "-m",
        "/bin/sh",
        "-c",
        f'mount -t tmpfs -o noexec none {sandbox.tmp} && exec "$@"',
        "sh",
    ]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount here")

    done = sandbox.run("version", prefix=mount)

    # the loader's words, before any of ours
    assert done.code in {127, 255}
    assert "failed to map segment" in done.err
    assert sandbox.ok("version", prefix=mount, env={"TMPDIR": str(sandbox.root)}).code == 0


def test_a_command_that_is_interrupted_says_nothing(sandbox):
    sandbox.ok("enqueue", "--id", "a", "true")

    done = sandbox.shell('timeout --preserve-status -s INT 0.7 "$QUEUECTL" wait a')

    assert (done.code, done.err) == (130, "")
    eventually(lambda: not sandbox.processes(), within_s=5)


def test_an_enqueue_that_waits_for_lines_ends_at_once_and_keeps_what_it_had(sandbox):
    feeding = "{ echo true; sleep 2; echo never; }"

    done = sandbox.shell(
        f'{feeding} | timeout --preserve-status -s INT 0.7 "$QUEUECTL" enqueue --stdin'
    )

    assert done.code == 130
    assert "Traceback" not in done.err
    assert len(sandbox.ok("list", "--json").records) == 1


def test_a_traceback_is_shown_to_those_who_ask_for_it(sandbox):
    done = sandbox.run("show", "nobody", env={"QUEUECTL_DEBUG": "1"})

    assert done.code == 4
    assert "Traceback (most recent call last):" in done.err
    assert "NotFound" in done.err
