"""Where a pid means something: which machine, which run of it, which space of pids."""

from __future__ import annotations

import os


def host() -> str:
    """Return the machine's name."""
    return os.uname().nodename


def pid_space() -> str:
    """Return what tells one space of pids from all others: the boot, and the namespace within it.

    A container shares the boot, and often the host's name, but not the pids (pid_namespaces(7)).
    """
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
