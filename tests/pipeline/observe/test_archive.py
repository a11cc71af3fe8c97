"""Captures: whole exchanges in files, bounded, without secrets, for their owner."""

import json
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from structlog.testing import capture_logs

from pipeline.journal import LEFT
from pipeline.observe.archive import WAITING, Absent, Archive, found, written
from pipeline.observe.captured import Captured
from pipeline.observe.settings import Capture
from stages.redaction import scrubbed
from tests.doubles import Recorder, exchange, request
from tests.pipeline.admin.office import Office
from tests.pipeline.admin.test_keys import made
from tests.pipeline.observe.conftest import Watched

SECRET = "sk-ant-api03-" + "a1B2" * 8


def asked(text: str = "hello", **fields: Any) -> bytes:
    said = {"model": "claude-simulated", "max_tokens": 50, "messages": [{"role": "user", "content": text}]}
    return json.dumps(said | fields).encode()


def on(folder: Path, more: str = "") -> str:
    return f'[capture]\nenabled = true\nfolder = "{folder}"\n{more}\n'


def there(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


async def captures(folder: Path, count: int) -> list[Captured]:
    """What is in *folder*, once there are *count* files."""
    with trio.fail_after(3):
        while len(files := there(folder)) < count:  # noqa: ASYNC110  # a thread writes them
            await trio.sleep(0.01)
    return [found(folder, str(file)) for file in files]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_exchange_is_kept_whole(watched: Watched, tmp_path: Path, stream: bool) -> None:
    """What came, what was sent and said, what went out; with what each stage did."""
    folder = tmp_path / "captures"
    async with watched(on(folder)) as at:
        answer = await at.send("POST", "/v1/messages", asked(stream=stream), x_note="kept")
        (kept,) = await captures(folder, 1)
    (turn,) = kept.turns
    assert (kept.request.method, kept.request.target, kept.request.body.data) == (
        "POST", "/v1/messages", asked(stream=stream))  # fmt: skip
    assert ("x-note", "kept") in kept.request.headers
    assert (turn.upstream, turn.dialect, turn.said.status) == ("up", "anthropic", 200)
    assert json.loads(turn.sent.body.data)["model"] == "claude-simulated"
    assert (kept.answer.status, kept.answer.body.data) == (200, answer.body)
    assert turn.said.body.data
    effects = {effect["stage"]: effect for effect in kept.line["effects"]}
    assert effects["meter"]["events"] > 0


async def test_no_secret_is_in_a_file(watched: Watched, tmp_path: Path) -> None:
    """Neither the caller's, nor ours, nor one that somebody said; and nobody else may read it."""
    folder = tmp_path / "captures"
    async with watched(on(folder)) as at:
        secret = (await made(at))["secret"]
        answer = await at.send("POST", f"/v1/messages?key={secret}", asked(SECRET), authorization=f"Bearer {secret}")
        assert answer.status == 200
        await captures(folder, 1)
    (file,) = folder.iterdir()
    assert secret.encode() not in file.read_bytes()
    assert SECRET.encode() not in file.read_bytes()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(folder.stat().st_mode)) == (0o600, 0o700)


async def test_only_what_is_wanted_is_kept(watched: Watched, tmp_path: Path) -> None:
    """By the caller's name, and by the model that is asked for; nothing at all where it is off."""
    folder = tmp_path / "captures"
    async with watched(on(folder, 'keys = ["ada"]\nmodels = ["claude-*"]')) as at:
        ada, bob = (await made(at, name="ada"))["secret"], (await made(at, name="bob"))["secret"]
        for secret, model in ((ada, "claude-simulated"), (bob, "claude-simulated"), (ada, "gpt-x")):
            await at.send("POST", "/v1/messages", asked(model=model), x_api_key=secret)
        (kept,) = await captures(folder, 1)
    assert (kept.caller.name if kept.caller else "", kept.line["asked"]) == ("ada", "claude-simulated")


async def test_capturing_is_switched_while_it_runs(watched: Watched, tmp_path: Path) -> None:
    """By a reload: nobody restarts a gateway to search for an error; nothing is kept where it is off."""
    folder = tmp_path / "captures"
    async with watched("") as at:
        archive = at.gateway.observer.archive
        assert archive is not None
        config = at.front.desk.config
        for enabled in (False, True, False):
            at.gateway.observer.take(attrs.evolve(config, capture=Capture(enabled=enabled, folder=folder)))
            await at.send("POST", "/v1/messages", asked())
        (kept,) = await captures(folder, 1)
        last, captured, _ = (await at.ask("GET", "/recent")).json["requests"]
        assert (await at.ask("GET", f"/recent/{last['id']}")).json["capture"] == {"on": False, "kept": False}
        assert (await at.ask("GET", f"/recent/{captured['id']}")).json["capture"] == {"on": False, "kept": True}
    assert (len(there(folder)), kept.answer.status, archive.has("../captures")) == (1, 200, False)


async def test_the_oldest_files_go(watched: Watched, tmp_path: Path) -> None:
    """All together they are never larger than is allowed; a body is cut where it is too long."""
    folder = tmp_path / "captures"
    async with watched(on(folder, "most = 40000\neach = 1000")) as at:
        for number in range(20):
            await at.send("POST", "/v1/messages", asked("x" * 5000 + str(number)))
    sizes = [file.stat().st_size for file in folder.iterdir()]
    assert 1 < len(sizes) < 20
    assert sum(sizes) <= 40000
    kept = [found(folder, str(file)) for file in folder.iterdir()]
    assert {(len(each.request.body.data), each.request.body.cut) for each in kept} == {(1000, True)}


def keep(archive: Archive, name: str) -> None:
    """One exchange that is over at once."""
    x = exchange()
    x.id = name
    recording = archive.begin(x, Recorder())
    assert recording is not None
    archive.keep(recording, x, {})


async def test_what_comes_too_fast_is_not_kept(tmp_path: Path) -> None:
    """And nobody waits for the disk."""
    archive = Archive(Capture(enabled=True, folder=tmp_path / "c"), scrubbed)
    with capture_logs() as lines:
        for _ in range(WAITING + 3):
            keep(archive, "req")
    assert archive.lost == 3
    assert [line["lost"] for line in lines] == [1, 2, 3]


async def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    """Before the gateway is gone."""
    archive = Archive(Capture(enabled=True, folder=tmp_path / "c"), scrubbed)
    for number in range(3):
        keep(archive, f"req_{number}")
    with trio.move_on_after(0):
        await archive.run()
    assert len(list((tmp_path / "c").iterdir())) == 3


def test_what_is_no_capture_is_said(tmp_path: Path) -> None:
    """With the file's name; no id leads out of the folder."""
    for name in ("req_none", "../../etc/passwd"):
        with pytest.raises(Absent):
            found(tmp_path, name)
    written(tmp_path / "x.json", b"{}")
    with pytest.raises(Absent, match="is no capture"):
        found(tmp_path, "x")


HALF = '"\\ud800 half"'


@pytest.mark.parametrize(
    "body",
    [
        asked().replace(b'"claude-simulated"', HALF.encode()),
        asked().replace(b'"hello"', HALF.encode()),
        asked().replace(b'"max_tokens"', b'%s: 1, "max_tokens"' % HALF.encode()),
        asked(metadata={"user_id": "x"}).replace(b'"x"', HALF.encode()),
        asked("sk-" + "a" * 12 + "\u2019\u2026\u2019 Bearer a1b2c3d4e5"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_what_is_no_proper_text_is_put_down_all_the_same(
    watched: Watched, tmp_path: Path, path: str, body: bytes
) -> None:
    """Halves of characters, and what is left where something is taken out of the middle of one."""
    folder = tmp_path / "captures"
    async with watched(on(folder)) as at:
        answer = await at.send("POST", path, body)
        assert answer.status in (200, 400, 404)
        assert len(at.gateway.observer.recent) == 1
        assert (await at.ask("GET", "/recent")).status == 200
        if answer.status == 200:
            await captures(folder, 1)


async def test_a_client_that_left_is_told(watched: Watched, tmp_path: Path) -> None:
    """What it got until then is kept."""
    folder = tmp_path / "captures"
    async with watched(on(folder)) as at:
        leaves, body = Recorder(), asked("[[say one]] [[wait 30]]", stream=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(at.gateway.handle, request(target="/v1/messages", body=body), leaves)
            with trio.fail_after(10):
                while b"one" not in leaves.body:  # noqa: ASYNC110  # real sockets
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        (kept,) = await captures(folder, 1)
    assert (kept.answer.error, "one" in kept.answer.body.text) == (LEFT, True)


async def test_an_upstream_that_fails_is_kept_with_what_it_said(watched: Watched, tmp_path: Path) -> None:
    """The exchange's error, too."""
    folder = tmp_path / "captures"

    async def fault(at: Office) -> int:
        return (await at.send("POST", "/v1/messages", asked("[[fault 529]] hello"))).status

    async with watched(on(folder)) as at:
        assert await fault(at) == 529
        (kept,) = await captures(folder, 1)
    assert (kept.turns[0].said.status, kept.answer.status, bool(kept.answer.error)) == (529, 529, True)
