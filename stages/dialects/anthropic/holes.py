"""Holes in a conversation of this dialect, going to an upstream of it: calls without a result, results without a call.

    assistant [tool_use a, tool_use b]  user [tool_result a]        ─▶  user [tool_result b: none came, tool_result a]
    assistant [text]                    user [tool_result z, text]  ─▶  user [text: what z gave, text]

A client that was interrupted sends them, in every turn from then on, and the API refuses each.  What takes the place of
one depends on it and the turn before alone, so that the history is the same in every turn.  Nearly always there are as
many calls as results (``history`` sees that without decoding): then nobody comes here, and should they not match all
the same, the API says so itself.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.prompt import Prompt
from stages.dialects.anthropic.blocks import Fields
from stages.dialects.conversation import NO_RESULT, unanswered, unasked

_WHY = "results and calls are made to match"

Turn = tuple[str, list[int]]  # who speaks, and the numbers of the messages


def fill(prompt: Prompt) -> None:
    """Fill the holes of *prompt*; every one is recorded as a repair."""
    messages: Any = prompt.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return
    calls: list[str] = []
    for speaker, numbers in _turns(messages):
        if speaker == "assistant":
            calls = list(dict.fromkeys(call for number in numbers for call in _calls(messages[number])))
        else:
            _answer(prompt, messages, numbers, calls)
            calls = []
    if calls:
        turn = {"role": "user", "content": [_lost(prompt, call) for call in calls]}
        prompt.set("messages", len(messages), to=turn, why=_WHY)


def _turns(messages: list[Fields]) -> Iterator[Turn]:
    """Turns of the assistant and of the user: neighbours of one role are one; instructions stand beside both."""
    speaker, numbers = "", list[int]()
    for number, message in enumerate(messages):
        role = str(message.get("role"))
        if role == "system":
            continue
        if role != speaker and numbers:
            yield speaker, numbers
            numbers = []
        speaker = role
        numbers.append(number)
    if numbers:
        yield speaker, numbers


def _answer(prompt: Prompt, messages: list[Fields], numbers: list[int], calls: list[str]) -> None:
    """Make the results in a user's turn those of *calls*."""
    waiting = dict.fromkeys(calls)  # in their order
    for number in numbers:
        content = messages[number].get("content")
        made: list[Any] = []
        for place, block in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(block, dict) or block.get("type") != "tool_result":
                made.append(block)
            elif (asked := str(block.get("tool_use_id"))) in waiting:
                del waiting[asked]
                made.append(block)
            else:
                made += _told(prompt, block, asked, ("messages", number, "content", place))
        if isinstance(content, list) and made != content:
            prompt.set("messages", number, "content", to=made, why=_WHY)
    if waiting:
        lost = [_lost(prompt, call) for call in waiting]
        now = prompt.get("messages", numbers[0], "content")
        rest = [{"type": "text", "text": now}] if isinstance(now, str) else now if isinstance(now, list) else []
        prompt.set("messages", numbers[0], "content", to=[*lost, *rest], why=_WHY)


def _told(prompt: Prompt, block: Fields, asked: str, path: tuple[str | int, ...]) -> list[Fields]:
    """A result that nobody asked for, in words."""
    said = {"type": "text", "text": unasked(prompt, path, asked)}
    inner = block.get("content")
    if isinstance(inner, str):
        return [said, *([{"type": "text", "text": inner}] if inner.strip() else [])]
    return [said, *(inner if isinstance(inner, list) else ())]


def _lost(prompt: Prompt, call: str) -> Fields:
    unanswered(prompt, call)
    return {"type": "tool_result", "tool_use_id": call, "content": NO_RESULT, "is_error": True}


def _calls(message: Fields) -> Iterator[str]:
    """The ids of the calls in an assistant's message."""
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == "tool_use":
            yield str(block.get("id"))
