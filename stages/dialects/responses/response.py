"""The response object: what ``created``, ``completed`` and a whole reply have in common.

    {"id", "object": "response", "created_at", "status", "model", "output": […], "usage", … and the request's fields}

The API repeats most of the request in every response, and strict clients demand it: ``tools``, ``tool_choice`` and
``parallel_tool_calls`` may not be missing.  So an encoder of a reply that is not of this dialect gets an *echo*, the
fields of the request as they came (``echo``; they are never decoded); where there is none, the defaults stand.
"""

import time
from typing import Any

import msgspec

from pipeline.prompt import Prompt
from stages.dialects.responses.items import Ids, Item

Echo = dict[str, msgspec.Raw]

# What a response repeats of its request; store and background are what we did, not what was asked.
_REPEATED = frozenset(
    {
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")
_LARGE: Item = {"instructions": None, "tools": []}  # left out where a response only shows that it is alive


def echo(prompt: Prompt) -> Echo:
    """The fields of *prompt*, the client's request, that a response to it repeats."""
    return {str(path[0]): _one_line(part.encode()) for path, part in prompt.walk() if path[0] in _REPEATED}


def _one_line(text: bytes) -> msgspec.Raw:
    """*text*, JSON, without line ends, which would end a frame's field; within its strings there are none."""
    return msgspec.Raw(text.translate(_LINE_ENDS))


def begun(ids: Ids, model: str, told: Echo) -> Item:
    """A response in progress."""
    said = {key: value for key, value in told.items() if bytes(value).strip() != b"null"}
    return {
        "id": ids.response,
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
        **said,
    }


def alive(response: Item, output: list[Item]) -> Item:
    """*response* with what it has so far, but without what of its request is large and was told before."""
    return {**response, **_LARGE, "output": output}


def ended(response: Item, status: str, output: list[Item], usage: Item | None, **more: Any) -> Item:
    """*response* as it stands at the end."""
    moment = int(time.time()) if status == "completed" else None
    return {**response, "status": status, "completed_at": moment, "output": output, "usage": usage, **more}
