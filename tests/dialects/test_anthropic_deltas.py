"""Deltas: typed in the usual case, lenient in the rest."""

import msgspec
import pytest

from pipeline.errors import UpstreamFailed
from pipeline.events import (
    Block,
    Event,
    InputDelta,
    Opaque,
    Other,
    Run,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolUse,
)
from stages.dialects.anthropic.deltas import read_delta, reread
from tests.dialects.test_anthropic_decode import delta

BLOCKS: dict[int, Block] = {
    0: Text(),
    1: Thinking(),
    2: ToolUse("t", "f"),
    3: Other("anthropic", {"type": "server_tool_use"}),
}


def spell(index: object, **fields: object) -> bytes:
    return msgspec.json.encode({"type": "content_block_delta", "index": index, "delta": fields})


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (spell(0, type="text_delta", text="a"), TextDelta(0, "a")),
        (spell(1, type="thinking_delta", thinking="a", estimated_tokens=3), ThinkingDelta(1, "a")),
        (spell(1, type="signature_delta", signature="E"), SignatureDelta(1, "E")),
        (spell(2, type="input_json_delta", partial_json=""), InputDelta(2, "")),
        (spell(3, type="input_json_delta", partial_json="{"),
         Opaque("anthropic", "input_json_delta", {"type": "input_json_delta", "partial_json": "{"}, 3)),
        (spell(0, type="citations_delta", citation={}),
         Opaque("anthropic", "citations_delta", {"type": "citations_delta", "citation": {}}, 0)),
        (b'{"delta": {"text": "\\ud83d", "type": "text_delta"}, "index": 0}', TextDelta(0, "?")),
        (b'{"delta": {"text": "\\ud83d\\ude42", "type": "text_delta"}, "index": 0}', TextDelta(0, "🙂")),
    ],
)  # fmt: skip
def test_a_delta_is_the_event_of_its_kind_in_its_block(data: bytes, event: Event) -> None:
    """Ours where we know kind and block, opaque where not; the frame stays with it."""
    read = read_delta(data, b"raw", BLOCKS)
    assert read == event
    assert read.frame == b"raw"


@pytest.mark.parametrize(
    "data",
    [
        spell(9, type="text_delta", text="a"),
        spell(9, type="new_delta"),
        spell(1, type="text_delta", text="a"),
        spell(0, type="text_delta"),
        spell(None, type="text_delta", text="a"),
        spell(True, type="text_delta", text="a"),
        b'{"index": 0}',
        b'{"index": 0, "delta": NaN}',
        b"\xff",
        b"",
    ],
)
def test_a_delta_that_fits_nowhere_fails(data: bytes) -> None:
    """Another block's kind, no such block, no number, no JSON."""
    with pytest.raises(UpstreamFailed):
        read_delta(data, b"raw", BLOCKS)


def test_a_run_is_read_again_frame_by_frame() -> None:
    """For a block whose number has changed; what is broken is left out, what is unknown stays opaque."""
    frames = (
        delta(0, '"type":"text_delta","text":"a"')
        + b"event: new\ndata: {}\n\n"
        + delta(3, '"type":"new_delta","x":1')
        + b"event: content_block_delta\ndata: broken\n\n"
    )
    assert reread(Run("anthropic", 4, frame=frames)) == [
        TextDelta(0, "a"),
        Opaque("anthropic", "new"),
        Opaque("anthropic", "new_delta", {"type": "new_delta", "x": 1}, 3),
    ]
