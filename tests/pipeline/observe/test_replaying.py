"""Captured requests go up the line again."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.observe.captured import Captured
from pipeline.observe.comparing import answered, difference, sent
from pipeline.observe.replaying import NotWhole, Replayed, replay
from tests.pipeline.configs import built
from tests.pipeline.observe.conftest import Watched
from tests.pipeline.observe.test_archive import asked, captures, on

BASE = '[upstreams.up]\npreset = "simulated"\n'
CAP = '[[stages]]\nuse = "stages.examples.cap_tokens:stage"\nafter = "auth"\nmost = 10\n'


async def capture(watched: Watched, folder: Path, body: bytes, path: str = "/v1/messages") -> Captured:
    """What is captured of one request."""
    async with watched(on(folder)) as at:
        await at.send("POST", path, body)
        (kept,) = await captures(folder, 1)
    return kept


def same(before: Captured, after: Replayed, text: str = BASE) -> dict[str, bool]:
    dialect = built(text).dialects[before.dialect]
    return {
        "sent": not difference(sent(before), sent(after.captured)),
        "told": not difference(answered(before, dialect), answered(after.captured, dialect)),
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
async def test_the_same_configuration_gives_the_same(watched: Watched, tmp_path: Path, path: str, stream: bool) -> None:
    """From what was recorded alone: nobody is asked."""
    said: dict[str, Any] = {"input": "hello"} if path.endswith("responses") else {}
    body = json.loads(asked("[[think hm]] [[say one two]] [[call Bash {}]]", stream=stream)) | said
    body["tools"] = []
    kept = await capture(watched, tmp_path / "c", json.dumps(body).encode(), path)
    assert kept.answer.status == 200
    replayed = await replay(kept, built('[upstreams.up]\npreset = "simulated"\nurl = "http://127.0.0.1:1"\n'))
    assert same(kept, replayed) == {"sent": True, "told": True}
    assert replayed.left_out == ["auth", "limits", "meter"]


async def test_another_stage_is_seen(watched: Watched, tmp_path: Path) -> None:
    """What it changed, and that something else is sent now."""
    kept = await capture(watched, tmp_path / "c", asked())
    replayed = await replay(kept, built(BASE + CAP))
    assert same(kept, replayed) == {"sent": False, "told": True}
    (effect,) = [each for each in replayed.effects.stages if each.stage == "cap_tokens"]
    assert difference(json.loads(effect.before or b""), json.loads(effect.after or b""))[3:5] == [
        '- "max_tokens": 50,', '+ "max_tokens": 10,']  # fmt: skip


async def test_an_upstream_that_failed_fails_again(watched: Watched, tmp_path: Path) -> None:
    """As it did, with its own words."""
    kept = await capture(watched, tmp_path / "c", asked('[[fault 529 message="too hot"]]'))
    replayed = await replay(kept, built(BASE))
    assert same(kept, replayed) == {"sent": True, "told": True}
    assert (replayed.captured.answer.status, "too hot" in replayed.captured.answer.body.text) == (529, True)


async def test_a_stream_that_broke_breaks_again(watched: Watched, tmp_path: Path) -> None:
    """Where it did."""
    kept = await capture(watched, tmp_path / "c", asked("[[say one]] [[cut]]", stream=True))
    assert "error" in kept.answer.body.text
    assert same(kept, await replay(kept, built(BASE))) == {"sent": True, "told": True}


async def test_live_asks_again(watched: Watched, tmp_path: Path) -> None:
    """And what it says now is what counts."""
    kept = await capture(watched, tmp_path / "c", asked("[[say one]]"))
    kept.turns.clear()
    replayed = await replay(kept, built(BASE), live=True)
    assert same(kept, replayed) == {"sent": False, "told": True}
    offline = await replay(kept, built(BASE))
    assert offline.captured.answer.status == 502


async def test_what_is_no_reply_goes_again_as_well(watched: Watched, tmp_path: Path) -> None:
    """A count, told by the upstream then."""
    body = asked().replace(b'"max_tokens": 50, ', b"")
    kept = await capture(watched, tmp_path / "c", body, "/v1/messages/count_tokens")
    assert (kept.operation, kept.answer.status) == ("count_tokens", 200)
    assert same(kept, await replay(kept, built(BASE))) == {"sent": True, "told": True}


async def test_what_was_cut_is_not_sent(watched: Watched, tmp_path: Path) -> None:
    """Half a prompt is another prompt."""
    kept = await capture(watched, tmp_path / "c", asked())
    kept.request.body.cut = True
    with pytest.raises(NotWhole, match="too long"):
        await replay(kept, built(BASE))
