"""The model itself: pace and pieces, what comes instead of a reply, keys, memory, and scripts from elsewhere."""

import itertools

import pytest
import trio
from trio.testing import MockClock

from stages.simulated import ScriptError, Settings, Simulated
from tests.doubles import Bytes, Recorder
from tests.stages.simulated_talk import ALL, LIMITS, PATHS, Talk, words
from transports.messages import Request

dialects = pytest.mark.parametrize("dialect", ALL)


# -- pace -------------------------------------------------------------------------------------------------------------


@dialects
async def test_rate_is_one_write_per_event_at_its_moment(dialect: str, autojump_clock: MockClock) -> None:
    """Paced events leave one by one, evenly; nothing is written early or together."""
    heard = await Talk(dialect).ask("[[rate 10]] [[tokens 20]]", stream=True)
    times = heard.response.times
    assert len(times) == len(heard.frames)
    assert all(abs(later - earlier - 0.1) < 1e-6 for earlier, later in itertools.pairwise(times))


@dialects
async def test_bursts_keep_the_rate(dialect: str, autojump_clock: MockClock) -> None:
    """[[burst N]] puts N events in a write; with a rate, as many events a second as without."""
    heard = await Talk(dialect).ask("[[rate 10]] [[burst 5]] [[tokens 100]]", stream=True)
    words_of_writes = [data.count(b"data:") for data in heard.response.writes]
    assert max(words_of_writes) == 5
    assert 9.5 < heard.response.times[-1] - heard.response.times[0] < 11
    unpaced = await Talk(dialect).ask("[[burst 5]] [[tokens 100]]", stream=True)
    assert len(unpaced.response.writes) >= 20
    assert unpaced.response.times[0] == unpaced.response.times[-1]


@dialects
async def test_unpaced_events_travel_together(dialect: str) -> None:
    """Without a pace a short stream is one write, and a long one few, none much over 64 KiB."""
    short = await Talk(dialect).ask("[[say one two three]]", stream=True)
    assert len(short.response.writes) == 1
    long = await Talk(dialect, strict=False).ask("[[tokens 20000]]", **{LIMITS[dialect]: 90_000}, stream=True)
    assert max(map(len, long.response.writes)) < 256 * 1024
    assert sum(len(data) for data in long.response.writes) > 10 * len(long.response.writes) * 1024


@dialects
async def test_silence_stands_where_it_is_put(dialect: str, autojump_clock: MockClock) -> None:
    """[[wait]] is silence between the words around it; what was said before it has been written."""
    heard = await Talk(dialect).ask("[[say before]] [[wait 300]] [[say after]]", stream=True)
    first, second = heard.response.writes
    assert b"before" in first
    assert b"after" in second
    assert heard.response.times == [0, 300]


@dialects
async def test_a_pause_has_pings(dialect: str, autojump_clock: MockClock) -> None:
    """[[pause]] is silence with the dialect's own pings, at the wanted intervals."""
    heard = await Talk(dialect).ask("[[say a]] [[pause 10 every=3]] [[say b]]", stream=True)
    assert heard.response.times == [0, 3, 6, 9, 10]
    ping, begin = {"anthropic": ("ping", 1), "chat": (":", 0), "responses": ("keepalive", 0)}[dialect]
    assert heard.names.count(ping) == 3 + begin
    assert words(heard) == "ab"


@dialects
async def test_the_head_may_be_late(dialect: str, autojump_clock: MockClock) -> None:
    """[[late]] delays the head; in a whole reply silence does the same."""
    talk = Talk(dialect)
    for script, stream in (("[[late 5]] [[say x]]", True), ("[[say x]] [[wait 5]]", False)):
        began = trio.current_time()
        heard = await talk.ask(script, stream=stream)
        assert heard.response.times[0] == began + 5


@dialects
async def test_a_slow_writer_does_not_slow_the_rate(dialect: str, autojump_clock: MockClock) -> None:
    """The pace is kept by the clock: time lost in one write is caught up with."""

    class Slow(Recorder):
        async def write(self, data: bytes) -> None:
            await super().write(data)
            await trio.sleep(0.5 if len(self.writes) == 10 else 0)

    response = Slow()
    said = b'[{"role":"user","content":"[[rate 10]][[tokens 50]]"}]'
    body = b'{"model":"m","stream":true,"messages":%s,"input":%s}' % (said, said)
    await Simulated(dialect, Settings(strict=False))(Request("POST", PATHS[dialect], [], Bytes(body)), response)
    assert abs(response.times[40] - 4.0) < 0.05


# -- pieces -----------------------------------------------------------------------------------------------------------


@dialects
async def test_bytes_and_line_ends(dialect: str) -> None:
    """[[bytes 1]] writes byte by byte and [[crlf]] ends lines with CR LF; the frames are the same."""
    plain = await Talk(dialect).ask("[[say hé llo]] [[usage output=1]]", stream=True)
    bytewise = await Talk(dialect).ask("[[bytes 1]] [[say hé llo]] [[usage output=1]]", stream=True)
    assert all(len(data) == 1 for data in bytewise.response.writes)
    windows = await Talk(dialect).ask("[[crlf]] [[say hé llo]] [[usage output=1]]", stream=True)
    assert windows.body.count(b"\r\n") == windows.body.count(b"\n") == plain.body.count(b"\n")
    for heard in (bytewise, windows):
        heard.response.writes = [heard.body.replace(b"\r\n", b"\n")]
        assert words(heard) == "hé llo"
        assert heard.names == plain.names


# -- instead ----------------------------------------------------------------------------------------------------------


@dialects
async def test_json_where_a_stream_was_asked(dialect: str) -> None:
    """[[json]] answers a streaming request in one piece."""
    heard = await Talk(dialect).ask("[[json]] [[say whole]]", stream=True)
    assert heard.response.header(b"content-type") == "application/json"
    assert words(heard) == "whole"


@dialects
async def test_pages_and_emptiness(dialect: str) -> None:
    """[[html]] is a proxy's page with its status, [[empty]] a 200 of the right type without a byte."""
    page = await Talk(dialect).ask("[[html 503]]", stream=True)
    assert (page.status, page.response.header(b"content-type")) == (503, "text/html")
    assert b"<h1>503</h1>" in page.body
    for stream, media_type in ((True, "text/event-stream; charset=utf-8"), (False, "application/json")):
        empty = await Talk(dialect).ask("[[empty]]", stream=stream)
        assert (empty.status, empty.body, empty.response.finished) == (200, b"", True)
        assert empty.response.header(b"content-type") == media_type


@dialects
async def test_no_head_at_all(dialect: str, autojump_clock: MockClock) -> None:
    """[[reset]] ends without a head; [[hang]] waits until the client leaves, which is seen."""
    talk = Talk(dialect)
    reset = await talk.ask("[[reset]]")
    assert not reset.response.started
    with trio.move_on_after(3600) as left:
        await talk.ask("[[hang]]")
    assert left.cancelled_caught
    assert [seen.ended for seen in talk.model.seen] == ["cut", "left"]


# -- memory -----------------------------------------------------------------------------------------------------------


@dialects
async def test_times_wear_off(dialect: str) -> None:
    """A step with times happens that often, then the next one has its turn."""
    talk = Talk(dialect)
    script = "[[fault 529 times=2]] [[fault 429 times=1]] [[say ok]]"
    assert [(await talk.ask(script)).status for _ in range(5)] == [529, 529, 429, 200, 200]
    assert (await talk.ask(f"said otherwise: {script}")).status == 200, "words around a script make no other one"
    assert (await talk.ask(f"{script} [[name second]]")).status == 529, "a name does"
    cut = "[[say half]] [[cut times=1]] [[say  and half]]"
    assert [words(await talk.ask(cut, stream=True)) for _ in range(2)] == ["half", "halfand half"]


@dialects
async def test_what_came_is_remembered(dialect: str) -> None:
    """The newest requests are kept as they arrived, no more of them than wanted."""
    talk = Talk(dialect, remember=2)
    for said in ("one", "two", "three"):
        await talk.ask(said, query="?beta=true")
    assert [b"two" in talk.model.seen[0].body, b"three" in talk.model.seen[1].body] == [True, True]
    assert talk.model.seen[1].target == PATHS[dialect] + "?beta=true"


@dialects
async def test_ids_differ_unless_seeded(dialect: str) -> None:
    """Ids are fresh for every reply; the same seed gives the same."""
    one, same, other = Talk(dialect), Talk(dialect), Talk(dialect, seed=2)
    first = (await one.ask("hi")).json["id"]
    assert first == (await same.ask("hi")).json["id"]
    assert len({first, (await one.ask("hi")).json["id"], (await other.ask("hi")).json["id"]}) == 3


# -- who asks, and scripts from elsewhere -----------------------------------------------------------------------------


@dialects
async def test_keys(dialect: str) -> None:
    """Any key in either header will do, unless one is demanded; none will not, unless the model is lenient."""
    bearer, plain = [(b"authorization", b"Bearer k")], [(b"x-api-key", b"k")]
    for headers, settings, status in (
        (bearer, {}, 200),
        (plain, {}, 200),
        ([], {}, 401),
        ([(b"authorization", b"Bearer ")], {}, 401),
        ([], {"strict": False}, 200),
        (bearer, {"key": "k"}, 200),
        (bearer, {"key": "other"}, 401),
        (plain, {"key": "other", "strict": False}, 401),
        ([], {"key": "k", "strict": False}, 401),
    ):
        assert (await Talk(dialect, **settings).ask("hi", headers=list(headers))).status == status


@dialects
async def test_headers_query_and_settings_add_to_the_turn(dialect: str) -> None:
    """A script from elsewhere stands before the turn, and manners alone leave the plain answer."""
    talk = Talk(dialect, script="[[say always]]")
    key = (b"authorization", b"Bearer k")
    assert words(await talk.ask("[[say mine]]")) == "alwaysmine"
    heard = await talk.ask(
        "[[say mine]]", headers=[key, (b"x-simulated", b"[[say header]]")], query="?simulated=[[say+q]]"
    )
    assert words(heard) == "alwaysheaderqmine"
    bytewise = await Talk(dialect, script="[[bytes 9]]").ask("hello")
    assert words(bytewise).endswith("You said: hello")
    assert len(bytewise.response.writes) > 10


@dialects
async def test_a_bad_script_is_told(dialect: str) -> None:
    """What can't be read is a 400 that says why; a bad setting fails at once."""
    heard = await Talk(dialect).ask("[[say a]] [[sya b]]")
    assert (heard.status, heard.error["message"]) == (400, "simulated: there is no directive [[sya]]")
    with pytest.raises(ScriptError):
        Simulated(dialect, Settings(script="[[wait x]]"))


@dialects
async def test_too_long_a_prompt_overflows_by_itself(dialect: str) -> None:
    """A prompt over the model's window is refused with its true size, without a script."""
    name = {"anthropic": "claude-sonnet-4-5"}.get(dialect, "gpt-4.1")
    told = {
        "anthropic": "225000 tokens > 200000 maximum",
        "chat": "225000 tokens",
        "responses": "Your input exceeds the context window of this model.",
    }
    heard = await Talk(dialect).ask("x" * 900_000, model=name)
    assert heard.status == 400
    assert told[dialect] in heard.error["message"]
