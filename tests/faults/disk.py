"""A disk whose every write, sync and change of a name is written down, and which can fail.

Below SQLite it is a VFS over the usual one (https://sqlite.org/vfs.html); what our own code does to
files comes in through a stand-in for the module `os`. From the record a power cut can be replayed
at any moment: `replay`. The shared memory is the real one, since a power cut leaves nothing of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import apsw

from queuectl_core import home
from queuectl_core.services import backup
from queuectl_core.storage.sqlite import connection, copies, files, upkeep

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

SECTOR_BYTES = 512
SYNCS_ITS_NAME = (
    apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
)
"""The first sync of such a file that was just created syncs the directory, too: UNIXFILE_DIRSYNC in
SQLite's os_unix.c. It can be seen with strace: a second fdatasync after the log's header."""


class Write(NamedTuple):
    node: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    node: int
    size: int


class Sync(NamedTuple):
    node: int


class Names(NamedTuple):
    """One change of the directory: name -> file, or None where the name is gone."""

    changes: dict[str, int | None]


class SyncNames(NamedTuple):
    pass


class Acknowledged(NamedTuple):
    """The user was told that this step is done."""

    step: int


Operation = Write | Truncate | Sync | Names | SyncNames | Acknowledged


class Disk:
    """What happened in one directory. `fault(kind, name)` is called first, and may raise."""

    def __init__(self, directory: str, fault: Callable[[str, str], None] = lambda *_: None) -> None:
        self.directory = str(directory)
        self.fault = fault
        self.log: list[Operation] = []
        self._nodes: dict[str, int] = {}
        self._made = 0
        self._seen_by_sqlite: set[int] = set()

    def acknowledge(self, step: int) -> None:
        """Note that the user heard of the end of a step."""
        self.log.append(Acknowledged(step))

    def __enter__(self) -> Disk:
        """Put the disk under all that opens files from now on."""
        self._patch = _patch_modules(self)
        self._vfs = _Vfs(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away; files that are still open stay on it."""
        self._vfs.unregister()
        self._patch()

    # --- what the two recorders tell ---

    def created(self, path: str) -> int:
        """Note a new file; return its number."""
        self._made += 1
        self._change({path: self._made})
        return self._made

    def node(self, path: str) -> int:
        """Return the number of a file; one that was there before the record began counts as new."""
        if path not in self._nodes:
            self.created(path)
        return self._nodes[path]

    def sqlite_opened(self, path: str, *, was_there: bool) -> int:
        """Return the number of a file that SQLite has opened."""
        node = self.node(path) if was_there else self.created(path)
        self._seen_by_sqlite.add(node)
        return node

    def removed(self, path: str) -> None:
        """Note that a name is gone."""
        self._change({path: None})

    def renamed(self, old: str, new: str) -> None:
        """Note a rename, and what the file holds: it may never have been synced."""
        node = self.node(old)
        self._note_contents(node, new)
        self._change({old: None, new: node})

    def linked(self, old: str, new: str) -> None:
        """Note a second name."""
        self._change({new: self.node(old)})

    def synced(self, path: str) -> None:
        """Note what one of our own files holds, and that it is on disk; or all names are."""
        if path == self.directory:
            self.log.append(SyncNames())
            return
        node = self.node(path)
        self._note_contents(node, path)
        self.log.append(Sync(node))

    def _note_contents(self, node: int, path: str) -> None:
        if node not in self._seen_by_sqlite:
            with open(path, "rb") as file:
                data = file.read()
            self.log += [Truncate(node, len(data)), Write(node, 0, data)]

    def _change(self, changes: dict[str, int | None]) -> None:
        for path, node in changes.items():
            if node is None:
                self._nodes.pop(path, None)
            else:
                self._nodes[path] = node
        self.log.append(Names({os.path.basename(path): node for path, node in changes.items()}))


# --- SQLite's side ---


class _Vfs(apsw.VFS):
    """The usual VFS with a recorder before it, the default while it is registered."""

    def __init__(self, disk: Disk) -> None:
        super().__init__("recorder", "unix", makedefault=True)
        self._disk = disk

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._disk.fault("xOpen", path or "")
        return _File(self._disk, name, path, flags)

    def xDelete(self, path, sync):  # noqa: N802
        self._disk.fault("xDelete", path)
        super().xDelete(path, sync)
        self._disk.removed(path)
        if sync:
            self._disk.log.append(SyncNames())

    def xAccess(self, path, flags):  # noqa: N802
        self._disk.fault("xAccess", path)
        return super().xAccess(path, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk, name, path, flags):
        was_there = path is None or os.path.exists(path)
        super().__init__("unix", name, flags)
        self._disk = disk
        self._path = path or ""
        self._node = disk.sqlite_opened(path, was_there=was_there) if path else 0
        self._names_too = not was_there and bool(flags[0] & SYNCS_ITS_NAME)

    def xRead(self, amount, offset):  # noqa: N802
        self._disk.fault("xRead", self._path)
        return super().xRead(amount, offset)

    def xFileSize(self):  # noqa: N802
        self._disk.fault("xFileSize", self._path)
        return super().xFileSize()

    def xWrite(self, data, offset):  # noqa: N802
        self._disk.fault("xWrite", self._path)
        super().xWrite(data, offset)
        self._disk.log.append(Write(self._node, offset, bytes(data)))

    def xTruncate(self, newsize):  # noqa: N802
        self._disk.fault("xTruncate", self._path)
        super().xTruncate(newsize)
        self._disk.log.append(Truncate(self._node, newsize))

    def xSync(self, flags):  # noqa: N802
        self._disk.fault("xSync", self._path)
        super().xSync(flags)
        self._disk.log.append(Sync(self._node))
        if self._names_too:
            self._names_too = False
            self._disk.log.append(SyncNames())


# --- our own side ---


def _patch_modules(disk: Disk) -> Callable[[], None]:
    modules = (files, connection, home, copies, upkeep, backup)
    for module in modules:
        module.os = _Os(disk)

    def restore() -> None:
        for module in modules:
            module.os = os

    return restore


class _Os:
    """The module `os`, which tells of files in the disk's directory."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._paths: dict[int, str] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def open(self, path, flags, mode=0o777):
        was_there = os.path.lexists(path)
        fd = os.open(path, flags, mode)
        self._paths[fd] = path
        if not was_there and self._is_ours(path):
            self._disk.created(path)
        return fd

    def fsync(self, fd):
        os.fsync(fd)
        path = self._paths.get(fd, "")
        if path == self._disk.directory or self._is_ours(path):
            self._disk.synced(path)

    def close(self, fd):
        self._paths.pop(fd, None)
        os.close(fd)

    def replace(self, old, new):
        os.replace(old, new)
        self._disk.renamed(old, new)

    def link(self, old, new):
        os.link(old, new)
        self._disk.linked(old, new)

    def unlink(self, path):
        os.unlink(path)
        if self._is_ours(path):
            self._disk.removed(path)

    def _is_ours(self, path: str) -> bool:
        return os.path.dirname(path) == self._disk.directory


# --- power cuts ---


class Remains:
    """What is safely on a disk, and what is on its way there."""

    def __init__(self) -> None:
        self._safe: dict[int, bytearray] = {}
        self._names: dict[str, int | None] = {}
        self._on_its_way: dict[int, list[Write | Truncate]] = {}
        self._names_on_their_way: list[Names] = []

    def take(self, operation: Operation) -> None:
        """Let one operation happen."""
        match operation:
            case Write(node) | Truncate(node):
                self._on_its_way.setdefault(node, []).append(operation)
            case Sync(node):
                content = self._safe.setdefault(node, bytearray())
                for change in self._on_its_way.pop(node, []):
                    _apply(content, change)
            case Names():
                self._names_on_their_way.append(operation)
            case SyncNames():
                for names in self._names_on_their_way:
                    self._names |= names.changes
                self._names_on_their_way.clear()

    def after_a_kill(self) -> dict[str, bytes]:
        """Return name -> bytes when the process ended and the machine did not."""
        return self._contents(_Luck(None))

    def after_a_power_cut(self, rng: random.Random) -> dict[str, bytes]:
        """Return name -> bytes: what was on its way is there, is not, or is there in part."""
        return self._contents(_Luck(rng))

    def _contents(self, luck: _Luck) -> dict[str, bytes]:
        names = dict(self._names)
        for change in self._names_on_their_way:
            if luck.keeps():
                names |= change.changes
        return {name: self._content(node, luck) for name, node in names.items() if node}

    def _content(self, node: int, luck: _Luck) -> bytes:
        content = bytearray(self._safe.get(node, b""))
        for change in self._on_its_way.get(node, []):
            if isinstance(change, Truncate):
                if luck.keeps():
                    _apply(content, change)
                continue
            for sector in _sectors(change):
                piece = luck.piece(sector)
                if piece is not None:
                    _apply(content, piece)
        return bytes(content)


class _Luck:
    """How kind the moment is: from losing all to losing nothing; without `rng` it loses nothing."""

    def __init__(self, rng: random.Random | None) -> None:
        self._rng = rng
        self._kindness = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0]) if rng else 1.0
        self._tears = rng.choice([0.0, 0.1, 0.5]) if rng else 0.0

    def keeps(self) -> bool:
        return self._rng is None or self._rng.random() < self._kindness

    def piece(self, sector: Write) -> Write | None:
        """Return the sector, its first or last bytes, or None."""
        if self._rng is None:
            return sector
        if self._rng.random() >= self._tears:
            return sector if self.keeps() else None
        cut = self._rng.randrange(len(sector.data))
        if self._rng.random() < 0.5:
            return sector._replace(data=sector.data[:cut])
        return sector._replace(offset=sector.offset + cut, data=sector.data[cut:])


def _sectors(write: Write) -> Iterable[Write]:
    end = write.offset + len(write.data)
    start = write.offset
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield Write(write.node, start, write.data[start - write.offset : stop - write.offset])
        start = stop


def _apply(content: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data


def put(contents: dict[str, bytes], directory: str) -> str:
    """Write files into a new directory; return the path of the queue file in it."""
    os.mkdir(directory, 0o700)
    for name, data in contents.items():
        with open(os.path.join(directory, name), "wb", opener=_private) as file:
            file.write(data)
    return os.path.join(directory, "queue.db")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
