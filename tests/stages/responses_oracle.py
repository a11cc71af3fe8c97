"""The vendor's own types and accumulator, held against what the simulated Responses API says."""

from typing import Any, get_args

from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseOutputItem
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import BaseModel

from tests.stages.simulated_talk import Heard


def _by_type(union: Any) -> dict[str, type[BaseModel]]:
    """The classes of a discriminated union by the type they are for."""
    members = get_args(get_args(union)[0])
    return {kind: member for member in members for kind in get_args(member.model_fields["type"].annotation)}


EVENTS = _by_type(ResponseStreamEvent)
ITEMS = _by_type(ResponseOutputItem)
NULLABLE = {"error", "incomplete_details", "usage", "instructions", "max_output_tokens", "previous_response_id", "user"}
LAST = ("response.completed", "response.incomplete", "response.failed")


def valid(response: dict[str, Any]) -> Any:
    """A response whose every item is of its own class, with every nullable field of the wire present."""
    assert response.keys() >= NULLABLE
    for item in response["output"]:
        ITEMS[item["type"]].model_validate(item, strict=True)
    return Response.model_validate(response, strict=True)


def accumulated(heard: Heard) -> Any:
    """The response the SDK makes of a stream whose every event is valid and numbered; fails where the grammar does."""
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    last: dict[str, Any] = {}
    for number, (name, data) in enumerate(heard.frames):
        assert (data["type"], data["sequence_number"]) == (name, number)
        assert not last, "nothing follows the last event"
        if name == "keepalive":  # the API sends it, and its reference does not have it
            continue
        event = EVENTS[name].model_validate(data, strict=True)
        state.handle_event(event)
        if name in ("response.output_item.added", "response.output_item.done"):
            ITEMS[data["item"]["type"]].model_validate(data["item"], strict=True)
        if name in LAST:
            last = data["response"]
    return valid(last)


def plain(response: Any) -> dict[str, Any]:
    """A response without what differs between two answers."""
    told: dict[str, Any] = response.model_dump(exclude_none=True)
    for name in ("id", "created_at", "completed_at"):
        told.pop(name, None)
    for item in told["output"]:
        for name in ("id", "call_id"):
            item.pop(name, None)
    return told
