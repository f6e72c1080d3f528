"""What is in the executable decides how fast it starts: every library in it is unpacked each time.

Read as PyInstaller's CArchive: a cookie at the end of the file, a table of contents before it.
"""

from __future__ import annotations

import marshal
import os
import struct
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

pytestmark = pytest.mark.binary

COOKIE = struct.Struct("!8sIIII64s")
MAGIC = b"MEI\014\013\012\013\016"
ENTRY = struct.Struct("!IIIIBc")
UNPACKED = (b"b", b"x", b"n", b"d")
"""Binary, data, symbolic link, dependency; modules, scripts and options stay in the file."""
MAX_BYTES = 15_000_000
MAX_UNPACKED = 12

Entry = namedtuple("Entry", "name compressed kind size start")
ROOT = Path(__file__).resolve().parents[2]
STORED = b"\x78\x01"
"""How zlib data begins that is not deflated (RFC 1950)."""
# The first four are not in the executable, so that their Python twins run.
IMPORTS = """
import sys
sys.modules.update(dict.fromkeys(("_zoneinfo", "_queue", "_contextvars", "_typing")))
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from queuectl_core.cli.main import main
assert main(sys.argv[2:]) == 0
print(" ".join(set(sys.modules) - before), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def archive(executable):
    """Return the table of contents."""
    with open(executable, "rb") as file:
        content = file.read()
    at = content.rindex(MAGIC)
    _, size, toc_at, toc_size, _, _ = COOKIE.unpack_from(content, at)
    start = at + COOKIE.size - size
    return list(_entries(content[start + toc_at : start + toc_at + toc_size], start))


@pytest.fixture(scope="module")
def modules(archive, executable):
    """Return how the bytes of each module in the PYZ begin."""
    start = next(entry.start for entry in archive if entry.kind == b"z")
    content = Path(executable).read_bytes()
    (toc_at,) = struct.unpack_from("!i", content, start + 8)
    toc = marshal.loads(content[start + toc_at :])
    return {name: content[start + at : start + at + 2] for name, (_, at, _) in toc}


def _entries(toc, start):
    position = 0
    while position < len(toc):
        length, at, size, _, compressed, kind = ENTRY.unpack_from(toc, position)
        name = toc[position + ENTRY.size : position + length].rstrip(b"\0").decode()
        yield Entry(name, compressed, kind, size, start + at)
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


@pytest.mark.parametrize(
    "words", [["enqueue", '{"command":"true"}'], ["status"], ["list"], ["status", "--json"]]
)
def test_no_module_of_a_quick_verb_is_deflated(modules, tmp_path, words):
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTS, ROOT, *words],
        env={"QUEUECTL_HOME": str(tmp_path / "home"), "TZ": "Europe/Berlin"},
        capture_output=True,
        text=True,
        check=True,
    )

    imported = set(done.stderr.splitlines()[-1].split()) & set(modules)

    assert "queuectl_core.cli.main" in imported
    assert sorted(name for name in imported if modules[name] != STORED) == []


def test_other_modules_are_deflated(modules):
    assert modules["inspect"] != STORED
    assert modules["logging"] != STORED
