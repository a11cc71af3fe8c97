"""Tokens, the cache and signatures: rules that can be worked out by hand."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from stages.simulated import instance, signature
from stages.simulated.usage import Cache, Input, Position, Prefix, tokens
from tests.stages.simulated_talk import Talk

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
LONG = "x" * 4000  # a thousand tokens


def marked(words: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": words} | ({"cache_control": mark} if mark else {})


async def counts(talk: Talk, *blocks: Any, **fields: Any) -> tuple[int, int, int, int]:
    """Fresh, read, written for five minutes, written for an hour."""
    usage = (await talk.ask([{"role": "user", "content": list(blocks)}], **fields)).json["usage"]
    written = usage["cache_creation"]
    assert usage["cache_creation_input_tokens"] == sum(written.values())
    return (
        usage["input_tokens"],
        usage["cache_read_input_tokens"],
        written["ephemeral_5m_input_tokens"],
        written["ephemeral_1h_input_tokens"],
    )


async def test_four_bytes_are_a_token() -> None:
    """A prompt is its bytes by four, rounded up once; so is what is said."""
    heard = await Talk("anthropic").ask("hélló [[say abcde]]", system="abc")
    assert heard.json["usage"]["input_tokens"] == -(-(len("hélló [[say abcde]]".encode()) + 3) // 4)
    assert heard.json["usage"]["output_tokens"] == 2


async def test_written_once_then_read() -> None:
    """A marked prefix is written the first time and read the next; what follows it is fresh."""
    talk = Talk("anthropic")
    assert await counts(talk, marked(LONG, MARK), marked("hello!!!")) == (2, 0, 1000, 0)
    assert await counts(talk, marked(LONG, MARK), marked("bye!")) == (1, 1000, 0, 0)
    assert await counts(talk, marked("y" + LONG, MARK)) == (0, 0, 1001, 0), "another prefix"
    assert await counts(talk, marked(LONG), marked("bye!")) == (1001, 0, 0, 0), "no marker, no cache"


async def test_a_conversation_reads_what_its_last_turn_wrote() -> None:
    """The marker moves on: the old place is still known, the new part is written."""
    talk = Talk("anthropic")
    await counts(talk, marked(LONG, MARK))
    assert await counts(talk, marked(LONG), marked("more"), marked(LONG, MARK)) == (0, 1000, 1001, 0)


async def test_two_lifetimes_are_billed_apart() -> None:
    """Read up to the longest known prefix, an hour up to the last such marker, five minutes for the rest."""
    talk = Talk("anthropic")
    blocks = (marked(LONG, HOUR), marked(LONG, MARK), marked("tail"))
    assert await counts(talk, *blocks) == (1, 0, 1000, 1000)
    assert await counts(talk, *blocks) == (1, 2000, 0, 0)


async def test_small_prefixes_are_not_cached() -> None:
    """Below the model's least size a marker does nothing, quietly."""
    talk = Talk("anthropic")
    for _ in range(2):
        assert await counts(talk, marked(LONG, MARK), model="claude-opus-4-6") == (1000, 0, 0, 0)


async def test_the_cache_is_the_models_own() -> None:
    """What one model has read another has not."""
    talk = Talk("anthropic")
    assert await counts(talk, marked(LONG, MARK)) == (0, 0, 1000, 0)
    assert await counts(talk, marked(LONG, MARK), model="claude-sonnet-5") == (1000, 0, 0, 0)  # 1000 < 1024
    assert await counts(talk, marked(LONG + LONG, MARK), model="claude-sonnet-5") == (0, 0, 2000, 0)


async def test_what_is_cached_expires(autojump_clock: MockClock) -> None:
    """Five minutes after its last use a prefix is forgotten, an hour if it was written for that."""
    talk = Talk("anthropic")
    await counts(talk, marked(LONG, MARK))
    for _ in range(3):
        await trio.sleep(290)
        assert await counts(talk, marked(LONG, MARK)) == (0, 1000, 0, 0)
    await trio.sleep(301)
    assert await counts(talk, marked(LONG, MARK)) == (0, 0, 1000, 0)
    await counts(talk, marked("z" + LONG, HOUR))
    await trio.sleep(3500)
    assert await counts(talk, marked("z" + LONG, HOUR)) == (0, 1001, 0, 0)


async def test_automatic_caching_marks_the_last_block() -> None:
    """A top-level marker stands for one on the last block."""
    talk = Talk("anthropic")
    assert await counts(talk, marked(LONG), cache_control=MARK) == (0, 0, 1000, 0)
    assert await counts(talk, marked(LONG), marked("more"), cache_control=MARK) == (0, 1000, 1, 0)


async def test_chat_caches_by_itself() -> None:
    """A prefix of 1024 tokens is known the next time; everything is inside prompt_tokens, writes apart where billed."""
    talk = Talk("chat")
    system = {"role": "system", "content": LONG + LONG}
    for model, written in (("gpt-6-sol", 2001), ("gpt-5", 0)):
        first = (await talk.ask([system, {"role": "user", "content": "one!"}], model=model)).json["usage"]
        assert first["prompt_tokens"] == 2001
        assert first["prompt_tokens_details"]["cached_tokens"] == 0
        assert first["prompt_tokens_details"]["cache_write_tokens"] == written
        second = (await talk.ask([system, {"role": "user", "content": "other wor"}], model=model)).json["usage"]
        assert second["prompt_tokens_details"]["cached_tokens"] == 2000
        assert second["total_tokens"] == second["prompt_tokens"] + second["completion_tokens"]


async def test_a_lenient_count_is_rough() -> None:
    """Without strictness the whole body counts, and nothing is cached."""
    talk = Talk("anthropic", strict=False)
    for _ in range(2):
        fresh, read, *_ = await counts(talk, marked(LONG, MARK))
        assert fresh == tokens(len(talk.model.seen[-1].body))
        assert read == 0


# -- the parts --------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 5000), st.sampled_from(["", "5m", "1h"])), min_size=1, max_size=30))
def test_every_token_has_one_class(blocks: list[tuple[int, str]]) -> None:
    """Whatever is marked, fresh, read and written add up to the prompt, the first time and the next."""
    cache = Cache()
    positions, weight = [], 0
    for n, (size, ttl) in enumerate(blocks):
        weight += size
        positions.append(Position(b"%d" % n, weight, ttl))
    first = cache.use("m", positions, 0.0, least=512)
    again = cache.use("m", positions, 1.0, least=512)
    for counted in (first, again):
        assert counted.total == tokens(weight)
        assert min(counted.fresh, counted.read, counted.written_5m, counted.written_1h) >= 0
    assert first.read == 0
    assert (again.read, again.written) == (first.written, 0)


def test_the_cache_is_bounded() -> None:
    """The oldest names are forgotten when there are too many."""
    cache = Cache(most=10)
    for n in range(50):
        cache.use("m", [Position(b"%d" % n, 4000, "5m")], 0.0, least=1)
    assert cache.use("m", [Position(b"49", 4000, "5m")], 0.0, least=1).read == 1000
    assert cache.use("m", [Position(b"0", 4000, "5m")], 0.0, least=1).read == 0


def test_a_breakpoint_looks_back_twenty_positions() -> None:
    """An older breakpoint is found up to twenty positions before a newer one, not further."""
    for distance, read in ((20, 1000), (21, 0)):
        cache = Cache()
        places = [Position(b"%d" % n, 4000 + n, "") for n in range(distance + 1)]
        cache.use("m", [Position(b"0", 4000, "5m")], 0.0, least=1)
        places[-1] = Position(b"last", 4000 + distance, "5m")
        assert cache.use("m", places, 0.0, least=1).read == read


def test_markers_do_not_rename_a_prefix() -> None:
    """The same blocks have the same names with and without markers; another role or order has others."""

    def names(*blocks: tuple[str, Any]) -> list[bytes]:
        prefix = Prefix()
        for role, block in blocks:
            prefix.add(role, block)
        return [position.name for position in prefix.positions]

    image = {"type": "image", "source": {"type": "url", "url": "x"}}
    plain = names(("user", marked("a")), ("user", image))
    assert plain == names(("user", marked("a", MARK)), ("user", image | {"cache_control": HOUR}))
    assert plain[0] != names(("system", marked("a")))[0]
    assert plain[1] != names(("user", image), ("user", marked("a")))[1]
    assert Input(1, 2, 3, 4).total == 10


@given(st.text(), st.text(), st.binary(min_size=16, max_size=16))
def test_signatures_know_their_thought(thought: str, other: str, prefix: bytes) -> None:
    """A signature is genuine for its own thought or none, altered for another, and tells its prefix."""
    sealed = signature.sign(thought, prefix)
    assert signature.verify(sealed, thought).prefix == (prefix if any(prefix) else b"")
    assert signature.verify(sealed, "").says == "genuine"
    assert signature.verify(sealed, other).says == ("genuine" if other in (thought, "") else "altered")


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "é", signature.sign("a")[:-4], "U0lN" * 20])
def test_foreign_signatures_are_known_as_such(forged: str) -> None:
    """Anything not sealed here is foreign."""
    assert signature.verify(forged, "a").says == "foreign"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        (None, {}),
        ({"type": "string"}, ""),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "boolean"}, False),
        ({"const": 3}, 3),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2}, [0, 0]),
        ({"$defs": {"x": {"enum": ["a"]}}, "properties": {"y": {"$ref": "#/$defs/x"}}, "required": ["y"]}, {"y": "a"}),
    ],
)
def test_instances_are_the_least_a_schema_allows(schema: Any, value: Any) -> None:
    """A value with the required properties and no more."""
    assert instance.of(schema) == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    """Recursion stops at a depth."""
    endless = {"properties": {"next": {"$ref": "#"}}, "required": ["next"], "$ref": "#"}
    assert instance.of(endless) == {}
