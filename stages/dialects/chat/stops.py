"""Why a reply ended: Chat's finish_reason ⇄ our Stop.

Five words are Chat's own.  Servers write more, so each known stranger is named here; a word that nobody knows is an
ordinary end.  An empty word is no word: some servers write it into every frame in place of null.
"""

from pipeline.errors import GatewayError, Overloaded, UpstreamFailed
from pipeline.events import Stop

_STOPS: dict[str, Stop] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
    # strangers
    "eos": "end_turn",
    "eos_token": "end_turn",
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
    "max_length": "max_tokens",
    "model_length": "max_tokens",  # Mistral
    "model_context_window_exceeded": "model_context_window_exceeded",  # Z.ai
    "tool_use": "tool_use",
    "tool_call": "tool_use",
    "safety": "refusal",  # Gemini's words, let through by some bridges
    "recitation": "refusal",
    "refusal": "refusal",
    "sensitive": "refusal",  # Z.ai
}

# Words that say the reply broke off (OpenRouter, vLLM, SGLang, Z.ai, DeepSeek): no end, however politely it is put.
_BROKEN: dict[str, type[GatewayError]] = {
    "error": UpstreamFailed,
    "abort": UpstreamFailed,
    "aborted": UpstreamFailed,
    "cancelled": UpstreamFailed,
    "network_error": UpstreamFailed,
    "insufficient_system_resource": Overloaded,
}

_WORDS: dict[Stop, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def broken(word: str) -> GatewayError | None:
    """The error that *word* stands for, if it is none of the proper ends."""
    kind = _BROKEN.get(word.lower())
    return None if kind is None else kind(f"the upstream broke off its answer (finish_reason {word!r})")


def read(word: str, *, called: bool | None, refused: bool, sequence: bool) -> Stop:
    """What *word* means.  *called*: whether tools were (None: nobody looked); *refused*: whether words refused;
    *sequence*: whether a stop sequence was named."""
    stop = _STOPS.get(word.lower(), "end_turn")
    if stop in {"end_turn", "tool_use"} and called is not None:
        # The blocks decide: an agent acts on a reason without a call as little as on a call without its reason.
        stop = "tool_use" if called else "end_turn"
    if stop == "end_turn" and refused:
        return "refusal"
    return "stop_sequence" if stop == "end_turn" and sequence else stop


def write(stop: Stop, *, called: bool, refused: bool) -> str:
    """The finish_reason for *stop*; *called*, *refused*: what the blocks of this choice were."""
    if stop == "refusal" and refused:
        return "stop"  # the refusal field has said it
    if stop in {"end_turn", "tool_use"}:
        return "tool_calls" if called else "stop"
    return _WORDS.get(stop, "stop")  # a reason that its API invented since
