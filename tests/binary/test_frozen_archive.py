"""What is in the executable decides how fast it starts: every library in it is unpacked each time.

Read as PyInstaller's CArchive: a cookie at the end of the file, a table of contents before it.
"""

from __future__ import annotations

import os
import struct
from collections import namedtuple

import pytest

pytestmark = pytest.mark.binary

COOKIE = struct.Struct("!8sIIII64s")
MAGIC = b"MEI\014\013\012\013\016"
ENTRY = struct.Struct("!IIIIBc")
UNPACKED = (b"b", b"x", b"n", b"d")
"""Binary, data, symbolic link, dependency; modules, scripts and options stay in the file."""
MAX_BYTES = 15_000_000
MAX_UNPACKED = 12

Entry = namedtuple("Entry", "name compressed kind size")


@pytest.fixture(scope="module")
def archive(executable):
    """Return the table of contents."""
    with open(executable, "rb") as file:
        content = file.read()
    at = content.rindex(MAGIC)
    _, size, toc_at, toc_size, _, _ = COOKIE.unpack_from(content, at)
    start = at + COOKIE.size - size + toc_at
    return list(_entries(content[start : start + toc_size]))


def _entries(toc):
    position = 0
    while position < len(toc):
        length, _, size, _, compressed, kind = ENTRY.unpack_from(toc, position)
        name = toc[position + ENTRY.size : position + length].rstrip(b"\0").decode()
        yield Entry(name, compressed, kind, size)
        position += length


def test_the_executable_is_small(executable):
    assert os.path.getsize(executable) <= MAX_BYTES


def test_no_entry_is_compressed(archive):
    assert [entry.name for entry in archive if entry.compressed] == []


def test_few_files_are_unpacked(archive):
    unpacked = [entry.name for entry in archive if entry.kind in UNPACKED]

    assert any("libpython" in name for name in unpacked)
    assert any(name.startswith("apsw") for name in unpacked)
    assert len(unpacked) <= MAX_UNPACKED, unpacked


@pytest.mark.parametrize(
    "needless", ["_ssl", "libcrypto", "libssl", "libsqlite3", "_sqlite3", "_decimal"]
)
def test_no_needless_library_is_unpacked(archive, needless):
    assert [
        entry.name for entry in archive if needless in entry.name and entry.kind in UNPACKED
    ] == []


def test_no_slow_hook_runs_at_the_start(archive):
    names = {entry.name for entry in archive if entry.kind == b"s"}

    assert "queuectl" in names
    assert not names & {"pyi_rth_inspect", "pyi_rth_pkgutil", "pyi_rth_multiprocessing"}


def test_utf_8_does_not_depend_on_the_locale(archive):
    assert "X utf8=1" in {entry.name for entry in archive if entry.kind == b"o"}


def test_no_data_is_unpacked_but_the_interpreters_own(archive):
    assert [entry.name for entry in archive if entry.kind == b"x"] == ["base_library.zip"]
