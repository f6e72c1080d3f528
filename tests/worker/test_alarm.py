from __future__ import annotations

import os
import select
import threading

from queuectl_core.worker.alarm import Buzzer, IdleRoom


def is_readable(fd):
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def test_a_ring_between_the_look_and_the_wait_is_not_lost():
    room = IdleRoom()
    rings = room.rings()
    room.ring()

    room.wait_beyond(rings)

    assert room.rings() == rings + 1


def test_a_ring_wakes_all_who_wait():
    room = IdleRoom()
    rings = room.rings()
    threads = [threading.Thread(target=room.wait_beyond, args=(rings,)) for _ in range(5)]
    for thread in threads:
        thread.start()

    room.ring()

    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_a_press_makes_the_buzzer_readable_until_it_is_cleared():
    buzzer = Buzzer()
    seen = [is_readable(buzzer)]

    buzzer.press()
    seen.append(is_readable(buzzer))
    buzzer.clear()
    seen.append(is_readable(buzzer))

    assert seen == [False, True, False]
    _close(buzzer)


def test_clearing_a_silent_buzzer_does_not_block():
    buzzer = Buzzer()

    buzzer.clear()

    assert not is_readable(buzzer)
    _close(buzzer)


def test_a_buzzer_that_rings_already_takes_more_presses():
    buzzer = Buzzer()

    for _ in range(70_000):
        buzzer.press()

    assert is_readable(buzzer)
    _close(buzzer)


def _close(buzzer):
    os.close(buzzer._ear)
    os.close(buzzer._button)
