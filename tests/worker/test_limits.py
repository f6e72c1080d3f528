from __future__ import annotations

import pytest

from queuectl_core.worker.limits import LimitedTurnstile, turnstile
from queuectl_core.worker.plan import Order
from queuectl_core.worker.turnstile import Turnstile
from tests.builders import NOW_MS, completed, jobs_of, new_job
from tests.worker.fakes import FakeExecutor, Shop


@pytest.fixture
def shop(tmp_path, clock):
    made = Shop(tmp_path, clock, FakeExecutor())
    yield made
    made.store.close()


@pytest.fixture
def limited(shop):
    """Return the turnstile for an order: `limited(queues=("mail",), at_most={"mail": 1})`."""

    def limited(**order):
        plan = shop.plan._replace(queues=order.get("queues"), order=Order(**order))
        return turnstile(plan, worker=shop.worker, clock=shop.clock, reserve=shop.reserve)

    return limited


def add(shop, *queues):
    shop.store.enqueue([new_job(queue=queue) for queue in queues], now_ms=NOW_MS)


def take(shop, through, *results):
    _, claim = through.swap(shop.store, results, wants=True, ahead=2)
    return claim


def test_an_order_without_limits_gets_the_plain_turnstile(limited):
    assert type(limited()) is Turnstile
    assert type(limited(max_jobs=3)) is LimitedTurnstile


def test_a_queue_gets_no_more_threads_than_it_may_have(shop, limited):
    add(shop, "mail", "mail", "mail", "thumbs")
    through = limited(queues=("mail", "thumbs"), at_most={"mail": 1})

    claims = [take(shop, through) for _ in range(3)]

    assert [claim and claim.job.queue for claim in claims] == ["mail", "thumbs", None]


def test_a_job_that_ends_makes_room_for_the_next_of_its_queue(shop, limited):
    add(shop, "mail", "mail")
    through = limited(queues=("mail",), at_most={"mail": 1})
    first = take(shop, through)

    assert take(shop, through) is None
    assert take(shop, through, completed(first)).job.number == 2


def test_a_worker_takes_no_more_jobs_than_it_may(shop, limited):
    add(shop, "mail", "mail", "mail")
    through = limited(max_jobs=2)

    first, second, third = (take(shop, through) for _ in range(3))

    assert (first.job.number, second.job.number, third) == (1, 2, None)
    assert through.used_up
    assert through.swap(shop.store, [completed(first)], wants=True)[0] == [True]


def test_nothing_is_claimed_ahead(shop, limited):
    add(shop, "mail", "mail", "mail")
    through = limited(max_jobs=2)

    take(shop, through)

    assert through.shelf.is_empty()
    assert [job.state for job in jobs_of(shop.store)].count("processing") == 1
