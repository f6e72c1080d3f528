"""The systemd unit that runs a worker: its text, and whether a text is still as we wrote it.

Pure. Every directive was chosen for arbitrary jobs; what could break one is in the text, but as a
comment. Sources: systemd.service(5), systemd.exec(5), systemd.kill(5), docs/operations.md.
"""

from __future__ import annotations

import zlib

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.config import Settings

USER = "queuectl"
"""Whom a system service runs as."""
_MARK = "# made by: queuectl service install, sum "
_LONGEST_NAME = 60
_STOP_MARGIN_S = 30
"""What the worker takes beyond its deadlines before it kills its own pool is 10 s."""
_USUAL_FILES, _MOST_FILES = 1024, 524_288
"""What systemd grants by itself: programs start with the first and may ask for the second."""
_FILES_OF_POOL, _FILES_PER_JOB = 256, 8
"""Measured with 20 threads, by /proc/PID/fd: 119 idle, 179 while all run a job."""


class Unit(Record):
    """What differs from one service to another.

    `program`: the words before `worker start`. `home` None: where the user's queue is by default.
    `stop_s`: seconds that the worker itself may take to stop.
    """

    name: str
    user: bool
    program: tuple[str, ...]
    threads: int
    stop_s: int
    home: str | None = None
    db: str | None = None

    @property
    def file_name(self) -> str:
        """Return the name of the unit and its file."""
        return f"{self.name}.service"


def is_name(text: str) -> bool:
    """Tell whether a unit and its directories can have this name."""
    plain = text.replace("-", "").replace("_", "")
    return plain.isascii() and plain.isalnum() and text[0].isalpha() and len(text) <= _LONGEST_NAME


def system_home(name: str) -> str:
    """Return the home of a system service: what StateDirectory= makes."""
    return f"/var/lib/{name}"


def stop_s(settings: Settings) -> int:
    """Return how many seconds a worker may take to stop before it kills its own pool."""
    return int(settings.stop_timeout + 2 * settings.kill_grace) + 1


def text(unit: Unit) -> str:
    """Return the unit file; its first line tells later whether somebody changed it."""
    body = "\n".join((_head(unit), _service(unit), _end(unit)))
    return f"{_MARK}{_sum(body)}\n{body}"


def is_ours(found: str) -> bool:
    """Tell whether we wrote this file, changed since or not."""
    return found.startswith(_MARK)


def is_unchanged(found: str) -> bool:
    """Tell whether this file is, byte for byte, one that we wrote."""
    first, _, body = found.partition("\n")
    return first == _MARK + _sum(body)


def _sum(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8', 'surrogateescape')):08x}"


def quoted(word: str) -> str:
    """Return one word of a command line or an assignment as systemd reads it back."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    plain = escaped == word and word and not set(word) & set(" \t';")
    return word if plain else f'"{escaped}"'


def _command(words: tuple[str, ...]) -> str:
    # only in commands a dollar begins a variable
    return " ".join(quoted(word).replace("$", "$$") for word in words)


def _head(unit: Unit) -> str:
    after = (
        ""
        if unit.user
        else "# also: stops before these do\nAfter=network.target remote-fs.target\n"
    )
    edit = "systemctl --user edit" if unit.user else "systemctl edit"
    return f"""\
# Yours to change, best in a file of its own: {edit} {unit.file_name}

[Unit]
Description=QueueCTL worker
{after}"""


def _service(unit: Unit) -> str:
    start = _command((*unit.program, "worker", "start", "--count", str(unit.threads)))
    tight = "" if unit.user else _TIGHTER
    return f"""\
[Service]
ExecStart={start}
{_place(unit)}
# The executable unpacks itself below TMPDIR, and jobs find it there too. On a disk that may
# hold programs: /run is often mounted noexec. What a killed loader left there, the next removes.
CacheDirectory={unit.name}
CacheDirectoryMode=0700
Environment="TMPDIR=%C/{unit.name}"

# "Started" when the pool works. The one who says so is a child of the main process, the loader,
# hence: all. Jobs don't get the address of the socket.
Type=notify
NotifyAccess=all
# Opening a large queue after an upgrade may take a while.
TimeoutStartSec=15min
# The worker says every 30 s that its pool moves; one that hangs is ended and started anew.
WatchdogSec=2min

# TERM to the loader only, which passes it on; it would arrive twice if all got it. The worker ends
# its jobs itself, with their grace. What is left after that is killed.
KillMode=mixed
# stop-timeout + 2 x kill-grace of the settings, and a margin. The worker asks for more by itself
# where these were raised since.
TimeoutStopSec={unit.stop_s + _STOP_MARGIN_S}s

Restart=on-failure
RestartSec=5s
# Wrong usage, a newer queue, no permission, wrong settings: another start changes nothing.
RestartPreventExitStatus=64 76 77 78

# A job that takes all memory dies alone; systemd would stop the whole service.
OOMPolicy=continue
{_files(unit)}{tight}"""


def _place(unit: Unit) -> str:
    """Return who the service is and where its queue lies."""
    lines = [] if unit.user else [f"User={USER}"]
    if not unit.user and unit.home == system_home(unit.name):
        lines += [f"StateDirectory={unit.name}", "StateDirectoryMode=0700"]
    environment: Mapping[str, str | None] = {
        "QUEUECTL_HOME": unit.home,
        "QUEUECTL_DB_PATH": unit.db,
    }
    lines += [
        f"Environment={quoted(f'{name}={value}')}"
        for name, value in environment.items()
        if value is not None
    ]
    return "".join(f"{line}\n" for line in lines)


def _files(unit: Unit) -> str:
    """Return a higher limit of open files where many jobs at once need it.

    Not always: jobs inherit it, and programs with select(2) don't look beyond 1024.
    """
    needed = _FILES_OF_POOL + _FILES_PER_JOB * unit.threads
    if needed <= _USUAL_FILES:
        return ""
    return f"# {unit.threads} jobs at once.\nLimitNOFILE={needed}:{_MOST_FILES}\n"


_TIGHTER = """\

# A user of its own is what protects the machine. Tighter, where no job needs what is named:
# sudo and all other set-user-id programs:
#NoNewPrivileges=yes
# writing below /usr, /boot and /etc (with sudo):
#ProtectSystem=full
# the homes of people:
#ProtectHome=yes
# sharing /tmp with others:
#PrivateTmp=yes
# containers and other control groups:
#ProtectControlGroups=yes
"""


def _end(unit: Unit) -> str:
    return f"[Install]\nWantedBy={'default' if unit.user else 'multi-user'}.target\n"
