"""Scenarios of kill -9 while a home is made or a setting stored, and of a newer version's queue."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import chaos_ledger as ledger
from chaos_kills import names
from chaos_world import Broken, World, eventually

if TYPE_CHECKING:
    from chaos_kills import Size

NEWER = os.EX_PROTOCOL
"""What a queue of a newer version exits with."""

# --- making ---


def making(size: Size) -> str:
    """Kill the first commands of a new home at random moments: the next ones work, and see all."""
    homes = size.kills or size.of(12, 100)
    cut_off = half_made = 0
    with World(size.binary) as world:
        begun_s = time.monotonic()
        for _ in range(homes):
            ids = names("m", size.rng.randrange(1, 5))
            told = [job for job in ids if world.run_and_cut_off(size.rng, *_add(world, job)) == 0]
            cut_off += len(ids) - len(told)
            half_made += world.home.exists() and not world.queue.with_name("queue.db.id").exists()
            _expect_whole(world, ids, told)
            shutil.rmtree(world.home)
        took_s = time.monotonic() - begun_s
    return (
        f"{homes} homes, {cut_off} commands killed, {half_made} homes half made, {took_s:.1f} s,"
        " all could be used, 0 lost"
    )


def _add(world: World, job: str) -> tuple[str, ...]:
    return ("enqueue", "--id", job, world.traced())


def _expect_whole(world: World, ids: list[str], told: list[str]) -> None:
    """Repeat what was asked for; then each job must be there, once, and the queue be sound."""
    before = {str(one["id"]) for one in world.records()}
    if lost := set(told) - before:
        raise Broken(f"acknowledged, then not there: {sorted(lost)}")
    for job in ids:
        code = world.run(*_add(world, job)).returncode
        if code != (os.EX_CANTCREAT if job in before else 0):
            raise Broken(f"{job} again: exit code {code}, was there before: {job in before}")
    if sorted(world.kept()) != sorted(ids):
        raise Broken(f"asked for {ids}, kept {sorted(world.kept())}")
    checkup = world.run("doctor")
    if checkup.returncode != 0:
        raise Broken(f"doctor exited {checkup.returncode}: {checkup.stdout}{checkup.stderr}")


# --- settings ---


def settings(size: Size) -> str:
    """Kill `config set` at random moments: the old value or the new one, and no other is lost."""
    rounds = size.kills or size.of(40, 1_000)
    stored = cut_off = unheard = 0
    with World(size.binary) as world:
        begun_s = time.monotonic()
        world.ok("config", "set", "job-timeout", "77")
        world.ok("config", "set", "max-retries", "0")
        for value in range(1, rounds + 1):
            words = ("config", "set", "max-retries", str(value))
            code = world.run_and_cut_off(size.rng, *words)
            now = int(world.ok("config", "get", "max-retries"))
            if now not in {stored, value} or (code == 0 and now != value):
                raise Broken(f"max-retries was {stored}, set to {value} ({code}), is {now}")
            if world.ok("config", "get", "job-timeout").strip() != "77":
                raise Broken("a setting that nobody touched has changed")
            cut_off += code != 0
            unheard += code != 0 and now == value
            stored = now
        took_s = time.monotonic() - begun_s
    return (
        f"{rounds} changes, {cut_off} killed ({unheard} of them were stored), {took_s:.1f} s,"
        " each time the old value or the new one"
    )


# --- newer ---


def newer(size: Size) -> str:
    """Let a newer version migrate the queue under workers: what runs is recorded, no more claimed.

    What a migration shows to an old binary is a number in the file; it is raised, and put back.
    """
    workers, width = size.of(2, 4), size.of(3, 8)
    with World(size.binary) as world:
        begun_s = time.monotonic()
        ids, late = names("n", workers * width), names("w", 50)
        body = world.traced("while ! [ -e go ]; do sleep 0.05; done")
        world.add(dict.fromkeys(ids, body))
        crew = [world.start("--count", str(width)) for _ in range(workers)]
        eventually(lambda: len(world.lines()) == len(ids), "all of them run")
        world.add(dict.fromkeys(late, world.traced()))
        version = _set_version(world, 99)
        _expect_refusals(world)
        (world.root / "go").touch()
        codes = [worker.process.wait(30) for worker in crew]
        if set(codes) != {NEWER}:
            raise Broken(f"workers on a newer queue exited {codes}")
        _set_version(world, version)
        _expect_recorded(world, ids, late)
        crew = [world.start("--count", str(width))]
        world.await_quiet()
        world.judge(ledger.Asked(frozenset(ids + late)))
        crew[0].stop()
        took_s = time.monotonic() - begun_s
        return (
            f"{len(ids)} jobs ran on {workers} workers and were recorded, {len(late)} waited and"
            f" were not claimed, {took_s:.1f} s, 0 lost"
        )


def _set_version(world: World, version: int) -> int:
    """Set the number of the schema, as a migration does; return the one before."""
    with closing(sqlite3.connect(world.queue, timeout=30)) as connection:
        before = int(connection.execute("PRAGMA user_version").fetchone()[0])
        connection.execute(f"PRAGMA user_version = {version}")
    return before


def _expect_refusals(world: World) -> None:
    for words in (["list"], ["status"], ["enqueue", "true"], ["worker", "start", "--drain"]):
        done = world.run(*words)
        if done.returncode != NEWER or "upgrade this queuectl" not in done.stderr:
            raise Broken(f"{words} on a newer queue: {done.returncode}, {done.stderr}")


def _expect_recorded(world: World, ran: list[str], waited: list[str]) -> None:
    kept = world.kept()
    wrong = [job for job in ran if kept[job].state != "completed"]
    wrong += [job for job in waited if (kept[job].state, kept[job].attempts) != ("pending", 0)]
    if wrong:
        raise Broken(f"after the migration: {[(job, kept[job]) for job in wrong]}")
