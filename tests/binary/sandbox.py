"""A home of its own for a test of the frozen executable: runs commands in it, sweeps up after them.

Every process of a sandbox has the sandbox's HOME in its environment: that is how it is found, and
the only reason to kill it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time

COMMAND_S = 30
PAUSE_S = 0.02


def eventually(look, *, within_s=20.0, of=""):
    """Return the first true value of `look()`; AssertionError when there is none in time."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {of or look}")
        time.sleep(PAUSE_S)
    return found


class Done:
    """How a command ended: exit code and both streams, as text and as bytes."""

    def __init__(self, args, code, raw_out, raw_err):
        self.args = args
        self.code = code
        self.raw_out = raw_out
        self.out = raw_out.decode("utf-8", "surrogateescape")
        self.err = raw_err.decode("utf-8", "surrogateescape")

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def records(self):
        return [json.loads(line) for line in self.lines]

    @property
    def record(self):
        (record,) = self.records
        return record

    def __repr__(self):
        return f"<{self.args!r} exited {self.code}\nstdout: {self.out}\nstderr: {self.err}>"


class Sandbox:
    """`root` is its HOME and working directory, `home` the queue's home, `tmp` its TMPDIR."""

    def __init__(self, root, executable):
        self.root = root
        self.executable = str(executable)
        self.home = root / ".queuectl"
        self.tmp = root / "tmp"
        self.tmp.mkdir()
        # no LANG: cron has none
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(root), "TMPDIR": str(self.tmp)}
        self._started = []

    # --- commands ---

    def run(self, *args, **options):
        """Run one command to its end. Options: stdin, env, cwd, prefix, user."""
        options = {"stdin": b"", "env": {}, "cwd": self.root, "prefix": (), "user": None} | options
        argv = [*options["prefix"], self.executable, *args]
        done = subprocess.run(
            argv,
            input=options["stdin"],
            capture_output=True,
            env={k: v for k, v in (self.env | options["env"]).items() if v is not None},
            cwd=options["cwd"],
            user=options["user"],
            timeout=COMMAND_S,
            check=False,
        )
        return Done(args, done.returncode, done.stdout, done.stderr)

    def ok(self, *args, **options):
        """Run one command that must exit 0."""
        done = self.run(*args, **options)
        assert done.code == 0, done
        return done

    def refused(self, code, *args, **options):
        """Run one command that must fail with `code`, in the form of all errors: what, a hint."""
        done = self.run(*args, **options)
        assert done.code == code, done
        assert done.err.startswith("queuectl: "), done
        assert "Traceback" not in done.err, done
        assert len(done.err.splitlines()) <= 2, done
        return done

    def shell(self, line, **options):
        """Run a shell line in which $QUEUECTL is the executable."""
        env = {k: v for k, v in (self.env | options.pop("env", {})).items() if v is not None}
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**env, "QUEUECTL": self.executable},
            cwd=self.root,
            timeout=COMMAND_S,
            check=False,
        )
        return Done(line, done.returncode, done.stdout, done.stderr)

    def enqueue(self, command, *options):
        """Add a shell line; return its name."""
        return self.ok("enqueue", "-q", *options, "--", command).out.strip()

    def job(self, name):
        """Return the record of a job, its history included."""
        return self.ok("show", "--json", name).record

    def state(self, name):
        return self.job(name)["state"]

    def finished(self, *names):
        """Wait for the end of jobs; return their records."""
        done = self.run("wait", "--json", "--timeout", "25", *names)
        assert done.code in {0, 1}, done
        return {record["id"]: record for record in done.records}

    # --- files that jobs use to talk to the test ---

    def touch(self, name):
        (self.root / name).touch()

    def await_file(self, name, within_s=20.0):
        path = self.root / name
        eventually(path.exists, within_s=within_s, of=f"{path} exists")
        return path

    def numbers(self, name):
        return [int(word) for word in (self.root / name).read_text().split()]

    # --- workers ---

    def start_worker(self, *args, **options):
        """Start a worker in a session of its own and wait until it is registered."""
        worker = self.launch_worker(*args, **options)
        worker.await_registered()
        return worker

    def launch_worker(self, *args, **options):
        """Start a worker; do not wait for anything."""
        worker = Worker(self, len(self._started), args, **options)
        self._started.append(worker)
        return worker

    # --- sweeping ---

    def processes(self):
        """Return the pids of all processes of this sandbox."""
        mark = f"HOME={self.root}".encode()
        return [pid for pid in all_pids() if mark in environment(pid)]

    def sweep(self):
        """Kill what is left, and remove what a killed process could not: 13 MB each."""
        eventually(lambda: not self._kill(), of="every process of the sandbox is gone")
        for worker in self._started:
            worker.process.wait(COMMAND_S)
            worker.log_file.close()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def _kill(self):
        pids = self.processes()
        for pid in pids:
            kill(pid, signal.SIGKILL)
        return pids


class Worker:
    """A `worker start`: `loader` is what a shell sees, then supervisor, then pool, each a child."""

    def __init__(self, sandbox, number, args, *, env=None, prefix=(), executable=None, stdin=None):
        self._sandbox = sandbox
        self.stderr_path = sandbox.root / f"worker-{number}.stderr"
        self.log_file = self.stderr_path.open("wb")
        self.process = subprocess.Popen(
            [*prefix, executable or sandbox.executable, "worker", "start", *args],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=self.log_file,
            stderr=self.log_file,
            env=sandbox.env | (env or {}),
            cwd=sandbox.root,
            start_new_session=stdin is None,
        )
        self.loader = self.process.pid
        self.supervisor = self.pool = 0

    def await_registered(self):
        """Wait until the worker has said in its log that it runs; learn its pids."""
        words = ", process "
        eventually(lambda: words in self.log or self.process.poll() is not None, of=words)
        assert words in self.log, f"the worker ended: {self.log}"
        self.pool = int(self.log.rpartition(", process ")[2].split()[0])
        self.supervisor = parent(self.pool)
        assert parent(self.supervisor) == self.loader

    @property
    def log(self):
        return self.stderr_path.read_text(errors="replace")

    def await_log(self, text, within_s=20.0):
        eventually(
            lambda: text in self.log, within_s=within_s, of=f"{text!r} in {self.stderr_path}"
        )

    def signal(self, signum):
        """Send a signal to the pid that the shell sees."""
        self.process.send_signal(signum)

    def await_stopping(self):
        self.await_log(": stopping")

    def await_end(self, within_s=20.0):
        """Return the exit code."""
        return self.process.wait(within_s)

    def kill_all(self):
        """Kill loader, supervisor and pool at once: none can react to the death of another."""
        pids = (self.loader, self.supervisor, self.pool)
        for signum in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                kill(pid, signum)
        eventually(lambda: not any(map(runs, pids)), of="the worker's processes are dead")

    def bundle(self):
        """Return the directory that the executable was unpacked into."""
        maps = read(f"/proc/{self.supervisor}/maps").decode()
        paths = {line.split()[-1] for line in maps.splitlines() if "/_MEI" in line}
        (directory,) = {os.path.dirname(path) for path in paths if "libpython" in path}
        return directory


# --- the kernel's table ---


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read(path):
    """Return a file of /proc, empty when its process is gone or not ours."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def environment(pid):
    return read(f"/proc/{pid}/environ").split(b"\0")


def parent(pid):
    return int(read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])


def runs(pid):
    """Tell whether the process lives; a zombie does not."""
    return read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"])


def kill(pid, signum):
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return
