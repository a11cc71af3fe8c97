"""What clients of the Messages API take for granted, kept for whoever does not know it."""

from typing import Any

import attrs
import msgspec
import pytest

from pipeline.exchange import Exchange
from stages.contract import keep
from stages.dialects import anthropic, chat
from stages.dialects.anthropic.blocks import ATTRIBUTION
from stages.dialects.envelope import wrap
from stages.notes import JUDGE, TOLD, WITHOUT
from tests.doubles import exchange, upstream
from transports.upstream import Origin

LINE = {"type": "text", "text": f"{ATTRIBUTION}: cc_version=2.1.329.7b4; cc_entrypoint=sdk-cli;"}
WORDS = {"type": "text", "text": "You are an agent."}
GUARDS = [{"type": "dangerous_tool_use", "classifier_context": {"v": 1}}]
BETA = "dangerous-tool-use-2026-09-03"

VENDOR = attrs.evolve(upstream("vendor", None, dialect=anthropic), origin=Origin("https", "api.anthropic.com", 443))
OTHER = upstream("other", None, dialect=anthropic)
CHAT = upstream("chat", None, dialect=chat)


def asked(**fields: Any) -> Exchange:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    x = exchange(msgspec.json.encode(body), dialect=anthropic)
    x.request.headers.append((b"anthropic-beta", f"claude-code-20250219,{BETA}".encode()))
    x.note(WITHOUT, frozenset())
    return x


@pytest.mark.parametrize(
    ("system", "left"),
    [
        ([LINE, WORDS], [WORDS]),
        ([LINE], None),
        (LINE["text"], None),
        ([WORDS, LINE], [WORDS, LINE]),
        ("You are an agent.", "You are an agent."),
        ([], []),
        (None, None),
    ],
)
def test_the_attribution_block_goes_where_it_means_nothing(system: Any, left: Any) -> None:
    """It is the first block or none; the vendor gets it to the byte; what is done is no loss."""
    for up in (OTHER, CHAT):
        x = asked(system=system)
        keep(x, up, "auto")
        assert x.prompt.get("system") == left
        assert not any(edit.lossy for edit in x.prompt.edits)
    x = asked(system=system)
    raw = x.prompt.encode()
    keep(x, VENDOR, "auto")
    assert x.prompt.encode() is raw


def test_the_operator_may_say_otherwise() -> None:
    """A company's proxy before the vendor's server looks like any other."""
    kept, stripped = asked(system=[LINE, WORDS]), asked(system=[LINE, WORDS])
    keep(kept, OTHER, "keep")
    keep(stripped, VENDOR, "strip")
    assert (kept.prompt.get("system"), stripped.prompt.get("system")) == ([LINE, WORDS], [WORDS])


def test_thoughts_of_others_go_and_unsigned_ones_stay_with_who_does_not_sign() -> None:
    """A foreign signature is worth nothing to anybody else."""
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    foreign = {"type": "thinking", "thinking": "hm", "signature": wrap("responses", "gpt", "gAAA")}
    turn = {"role": "assistant", "content": [unsigned, foreign, WORDS]}
    for up, left in ((VENDOR, [WORDS]), (OTHER, [unsigned, WORDS]), (CHAT, [unsigned, foreign, WORDS])):
        x = asked(messages=[turn])
        keep(x, up, "auto")
        assert x.prompt.get("messages", 0, "content") == left


def test_safeguards_are_relayed_where_somebody_may_know_them() -> None:
    """Field and beta, untouched."""
    for up in (VENDOR, OTHER):
        x = asked(safeguards=GUARDS)
        keep(x, up, "auto")
        assert x.prompt.get("safeguards") == GUARDS
        assert (x.noted(WITHOUT), x.prompt.notes.noted(TOLD)) == (frozenset(), None)


def test_nobody_judges_and_the_client_is_told_so() -> None:
    """Never a verdict; recorded as lost."""
    x = asked(safeguards=GUARDS)
    keep(x, CHAT, "auto")
    assert not x.prompt.has("safeguards")
    assert [(edit.path, edit.lossy) for edit in x.prompt.edits] == [("safeguards", True)]
    unsupported = {"type": "dangerous_tool_use", "status": {"type": "unsupported"}}
    assert x.prompt.notes.noted(TOLD) == {"safeguard_results": [unsupported]}


@pytest.mark.parametrize("up", [OTHER, CHAT])
def test_what_is_judged_here_is_kept_from_the_upstream(up: Any) -> None:
    """Field and beta; nothing is lost by it."""
    x = asked(safeguards=GUARDS)
    x.note(JUDGE, "small")
    keep(x, up, "auto")
    assert not x.prompt.has("safeguards")
    assert [edit.lossy for edit in x.prompt.edits] == [False]
    assert x.noted(WITHOUT) == {BETA}


def test_the_vendor_judges_itself_whoever_else_could() -> None:
    """Its verdict is the better one, and free."""
    x = asked(safeguards=GUARDS)
    x.note(JUDGE, "small")
    keep(x, VENDOR, "auto")
    assert x.prompt.get("safeguards") == GUARDS
