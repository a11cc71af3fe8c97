"""Opening: everything is opened at start and closed at the end, whatever ends it."""

from typing import Any

import attrs
import pytest
import trio

from pipeline.opening import opened
from tests.pipeline.configs import built

LINE = """
[[stages]]
use = "tests.pipeline.test_opening:Lasting"
name = "first"
after = "auth"
label = "first"
[[stages]]
use = "tests.pipeline.test_opening:Lasting"
name = "second"
after = "first"
label = "second"
[upstreams.a]
dialect = "anthropic"
serve = "tests.pipeline.test_opening:serve"
settings = { n = 1 }
[upstreams.b]
dialect = "anthropic"
url = "http://127.0.0.1:2/v1"
[meter]
ledger = "LEDGER"
"""

said: list[str] = []


@attrs.frozen
class Lasting:
    """A stage with a lifetime."""

    label: str

    def __call__(self, exchange: Any) -> None:
        """Nothing."""

    async def __aenter__(self) -> None:
        said.append(f"open {self.label}")

    async def __aexit__(self, *raised: object) -> None:
        said.append(f"close {self.label}")


async def serve(*, dialect: str, settings: dict[str, int], task_status: trio.TaskStatus[str]) -> None:
    said.append(f"serve {dialect} {settings}")
    task_status.started("http://127.0.0.1:1/api")
    try:
        await trio.sleep_forever()
    finally:
        said.append("end")


@pytest.fixture
def line(tmp_path: Any) -> str:
    """A line of two stages with a lifetime and a server beside it; nothing was said yet."""
    said.clear()
    return LINE.replace("LEDGER", str(tmp_path / "usage.jsonl"))


OPENED = ["serve anthropic {'n': 1}", "open first", "open second"]
CLOSED = ["close second", "close first", "end"]


async def test_stages_are_entered_in_order_and_left_backwards(line: str) -> None:
    """The server beside the gateway is there before them and outlives them."""
    async with opened(built(line)) as upstreams:
        assert said == OPENED
        assert [str(each.origin) + each.base for each in upstreams] == [
            "http://127.0.0.1:1/api/v1",
            "http://127.0.0.1:2/v1",
        ]
    assert said == OPENED + CLOSED


async def test_each_upstream_has_a_pool_of_its_own(line: str) -> None:
    """One that is slow takes no turn from another."""
    async with opened(built(line)) as (first, second):
        assert first.pool is not second.pool


async def test_a_crash_closes_everything(line: str) -> None:
    """In the same order."""
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True, allow_unwrapped=True):
        async with opened(built(line)):
            raise ZeroDivisionError
    assert said == OPENED + CLOSED


async def test_cancellation_closes_everything(line: str, autojump_clock: trio.testing.MockClock) -> None:
    """Stages in their order; the server beside them is cancelled as they are."""
    with trio.move_on_after(1):
        async with opened(built(line)):
            await trio.sleep_forever()
    assert sorted(said) == sorted(OPENED + CLOSED)
    assert said.index("close second") < said.index("close first")


async def test_a_stage_is_entered_once_however_often_it_stands() -> None:
    """Upstreams share the default stages of an attempt."""
    said.clear()
    text = """
        [[stages]]
        use = "tests.pipeline.test_opening:Lasting"
        after = "translate"
        label = "shared"
        [upstreams.a]
        dialect = "anthropic"
        url = "http://127.0.0.1:1"
        [upstreams.b]
        dialect = "anthropic"
        url = "http://127.0.0.1:2"
    """
    async with opened(built('without = ["meter"]\n' + text)):
        assert said == ["open shared"]
    assert said == ["open shared", "close shared"]
