"""Static files and templates, wherever they lie: beside this module, or in the executable."""

from __future__ import annotations

import os
from hashlib import blake2b

from queuectl_core.errors import NotFound
from queuectl_core.web.bundle import FILES

FOLDERS = ("static", "templates")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
_HERE = os.path.dirname(os.path.abspath(__file__))


def names() -> list[str]:
    """Return all files, as in static/app.css, sorted."""
    if FILES:
        return sorted(FILES)
    found = [
        f"{folder}/{name}"
        for folder in FOLDERS
        if os.path.isdir(os.path.join(_HERE, folder))
        for name in os.listdir(os.path.join(_HERE, folder))
    ]
    return sorted(name for name in found if os.path.isfile(os.path.join(_HERE, name)))


def read(name: str) -> bytes:
    """Return a file; NotFound for what is not in the list, so that no path leads out of it."""
    if FILES:
        if name in FILES:
            return FILES[name]
    elif name in names():
        with open(os.path.join(_HERE, name), "rb") as file:
            return file.read()
    raise NotFound(f'there is no file "{name[:80]}"')


def version() -> str:
    """Return a short word that changes with any static file: for links that may be kept."""
    digest = blake2b(digest_size=6)
    for name in names():
        if name.startswith("static/"):
            digest.update(name.encode() + b"\0" + read(name))
    return digest.hexdigest()


def content_type(name: str) -> str:
    """Return what kind of file it is; bytes where that is unknown."""
    return TYPES.get(os.path.splitext(name)[1], "application/octet-stream")
