"""Starts programs: a session of their own, three files, nothing inherited but the environment.

The only place that starts jobs. By posix_spawn(3) through ctypes, which lets go of the
interpreter's lock while the child is on its way to its exec; os.posix_spawn and subprocess hold it,
and with it all threads of the pool. Starts of `sh -c true` a second on 2 cores:

    threads             1      2      4      8
    this            1,560  3,000  2,980  2,900
    os.posix_spawn  1,650  3,150  1,960  1,880
    subprocess      1,500  2,860  1,780  1,590

It also takes the working directory along, which os.posix_spawn can't.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal

from queuectl_core.records import Record
from queuectl_core.worker import shortage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""What a shell exits with where it can't start a program (POSIX, 2.8.2)."""
_PASSED_OVER = {errno.ENOENT, errno.ENOTDIR, errno.EACCES}
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_SETSIGDEF, _SETSIGMASK, _SETSID = 0x04, 0x08, 0x80
_Opaque = ctypes.c_uint64 * 128
"""More than the C library's largest: file actions take 80 bytes, attributes 336."""
_libc = ctypes.PyDLL(None)
"""Calls that take a microsecond: letting go of the interpreter's lock for each would cost more."""
_posix_spawn = ctypes.CDLL(None).posix_spawn


class Process(Record):
    """A program that was started: its pid, also its group's and session's, and two pipes to read.

    Whoever started it reaps it and closes the pipes.
    """

    pid: int
    stdout: int
    stderr: int


class CantStart(Exception):
    """A program did not start. `exit_code` is what a shell would exit with."""

    def __init__(self, message: str, exit_code: int = NOT_EXECUTABLE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Spawner:
    """Starts programs for all threads of a process; they inherit `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._inherited = _Environment(environ)
        self._path = environ.get("PATH")
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._attributes = _attributes()

    def start(
        self,
        argv: tuple[str, ...],
        *,
        cwd: str | None,
        env: Mapping[str, str],
        stdin: int | None = None,
    ) -> Process:
        """Start a program without a shell, with `env` on top of the inherited environment.

        Its name is looked for in the PATH that it will have. Its stdin is empty unless an
        open file is given. Raises CantStart, with the reason; NotStarted where only the moment
        is to blame.
        """
        fds: list[int] = []
        try:
            fds += os.pipe2(os.O_CLOEXEC)
            fds += os.pipe2(os.O_CLOEXEC)
            files = {self._nothing if stdin is None else stdin: 0, fds[1]: 1, fds[3]: 2}
            pid = self._start(argv, cwd, env, files)
        except BaseException as error:
            for fd in fds:
                os.close(fd)
            if (missing := shortage.of(error)) is not None:
                raise shortage.NotStarted(missing) from error
            if isinstance(error, (OSError, ValueError)):
                raise _reason(error, argv[0], cwd) from error
            raise
        stdout, stdout_end, stderr, stderr_end = fds
        os.close(stdout_end)
        os.close(stderr_end)
        return Process(pid, stdout, stderr)

    def _start(
        self,
        argv: tuple[str, ...],
        cwd: str | None,
        env: Mapping[str, str],
        files: Mapping[int, int],
    ) -> int:
        words = _strings(_words(argv))
        entries = self._inherited.extended(env)
        actions = _actions(files, cwd)
        pid = ctypes.c_int()
        refusal = errno.ENOENT
        try:
            for path in _candidates(argv[0], env.get("PATH", self._path)):
                number = _posix_spawn(
                    ctypes.byref(pid), _word(path), actions, self._attributes, words, entries
                )
                if number == 0:
                    return pid.value
                if number not in _PASSED_OVER:
                    raise OSError(number, os.strerror(number))
                refusal = errno.EACCES if errno.EACCES in {number, refusal} else number
        finally:
            _libc.posix_spawn_file_actions_destroy(actions)
        raise OSError(refusal, os.strerror(refusal))


class _Environment:
    """An environment whose C form is made once.

    Each start copies its pointers, 8 bytes an entry, and adds what is its own: 5 us instead of 24.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._places = {name: place for place, name in enumerate(environ)}
        self._entries = _strings(_entries(environ))

    def extended(self, env: Mapping[str, str]) -> ctypes.Array[ctypes.c_char_p]:
        """Return the entries, with those of `env` added or in the place of others.

        Valid while this object lives.
        """
        count = len(self._places)
        entries = (ctypes.c_char_p * (count + len(env) + 1))()
        ctypes.memmove(entries, self._entries, count * ctypes.sizeof(ctypes.c_char_p))
        for name, entry in zip(env, _entries(env), strict=True):
            place = self._places.get(name, count)
            entries[place] = entry
            count += place == count
        return entries


def _attributes() -> ctypes.Array[ctypes.c_uint64]:
    """Return what all starts have in common: a new session, no signal blocked or ignored."""
    attributes, signals = _Opaque(), _Opaque()
    _libc.posix_spawnattr_init(attributes)
    _libc.posix_spawnattr_setflags(attributes, ctypes.c_short(_SETSIGDEF | _SETSIGMASK | _SETSID))
    _libc.sigemptyset(signals)
    _libc.posix_spawnattr_setsigmask(attributes, signals)
    for signum in _IGNORED_BY_PYTHON:
        _libc.sigaddset(signals, ctypes.c_int(signum))
    _libc.posix_spawnattr_setsigdefault(attributes, signals)
    return attributes


def _actions(files: Mapping[int, int], cwd: str | None) -> ctypes.Array[ctypes.c_uint64]:
    """Return what happens in the child before the exec; to be destroyed after use."""
    actions = _Opaque()
    _libc.posix_spawn_file_actions_init(actions)
    for ours, its in files.items():
        _libc.posix_spawn_file_actions_adddup2(actions, ours, its)
    if cwd is not None:
        _libc.posix_spawn_file_actions_addchdir_np(actions, _word(cwd))
    return actions


def _strings(words: list[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)


def _entries(environ: Mapping[str, str]) -> list[bytes]:
    if any("=" in name for name in environ):
        raise ValueError("illegal environment variable name")
    return _words([f"{name}={value}" for name, value in environ.items()])


def _words(texts: Sequence[str]) -> list[bytes]:
    """Return the bytes for the kernel; C would take a text with a NUL for a shorter one."""
    if not texts:
        return []
    words = os.fsencode("\0".join(texts)).split(b"\0")
    if len(words) != len(texts):
        raise ValueError("embedded null byte")
    return words


def _word(text: str) -> bytes:
    (word,) = _words([text])
    return word


def _candidates(program: str, path: str | None) -> Iterator[str]:
    """Yield where a program may be, as execvp(3) looks for it."""
    if "/" in program:
        yield program
        return
    for directory in (os.defpath if path is None else path).split(os.pathsep):
        yield os.path.join(directory, program)


def _reason(error: OSError | ValueError, program: str, cwd: str | None) -> CantStart:
    if isinstance(error, ValueError):  # a NUL in a word or in the environment
        return CantStart(f"can't start: {error}")
    if cwd is not None and not os.access(os.path.join(cwd, "."), os.X_OK):
        try:
            os.stat(os.path.join(cwd, "."))
        except OSError as refusal:
            return CantStart(f"can't enter the working directory {cwd}: {refusal.strerror}")
        return CantStart(f"can't enter the working directory {cwd}: {os.strerror(errno.EACCES)}")
    if error.errno == errno.ENOENT:
        return CantStart(f"no such program: {program}", NOT_FOUND)
    return CantStart(f"can't start {program}: {error.strerror}")
