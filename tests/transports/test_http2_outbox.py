"""What waits for the writer: order, accounts, and who is woken."""

import attrs
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from transports.http2_outbox import BATCH, Outbox


@attrs.define(eq=False)
class Payer:
    """An owner."""

    unsent: int = 0


@given(st.lists(st.tuples(st.binary(max_size=40_000), st.integers(0, 2)), max_size=20))
def test_the_accounts_balance(puts: list[tuple[bytes, int]]) -> None:
    """However bytes are put, they come out in order, in batches, and every account returns to zero."""

    async def main() -> None:
        outbox, owners = Outbox(), [None, Payer(), Payer()]
        for piece, who in puts:
            outbox.put(piece, owners[who])
        total = b"".join(piece for piece, _ in puts)
        assert outbox.size == len(total)
        assert outbox.control == sum(len(piece) for piece, who in puts if who == 0)
        came = b""
        while outbox.size:
            batch = await outbox.take()
            assert 0 < len(batch) < BATCH + 40_000
            assert outbox.size == len(total) - len(came)  # what is in hand still counts
            outbox.sent()
            came += batch
        assert came == total
        assert (outbox.control, owners[1].unsent, owners[2].unsent) == (0, 0, 0)  # type: ignore[union-attr]

    trio.run(main)


async def test_the_writer_waits_for_something(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """An empty outbox parks its writer; the first piece wakes it; what left wakes those who wait for room."""
    outbox, seen = Outbox(), []

    async def writer() -> None:
        seen.append(await outbox.take())
        outbox.sent()

    async def waiter() -> None:
        await outbox.emptied()
        seen.append(b"empty")

    outbox.put(b"")
    nursery.start_soon(writer)
    await wait_all_tasks_blocked()
    assert seen == []
    outbox.put(b"a")
    outbox.put(b"b")
    nursery.start_soon(waiter)
    await wait_all_tasks_blocked()
    assert seen == [b"ab", b"empty"]


async def test_what_can_not_be_sent_is_dropped(autojump_clock: MockClock) -> None:
    """When the peer is gone, nothing is owed and nobody waits."""
    outbox, owner = Outbox(), Payer()
    outbox.put(b"a", owner)
    await outbox.take()
    outbox.put(b"b", owner)
    outbox.drop()
    await outbox.emptied()
    assert (outbox.size, owner.unsent) == (0, 0)
