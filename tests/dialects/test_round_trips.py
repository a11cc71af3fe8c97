"""Prompts there and back: what comes home is what went out, but for what the other side has no place for.

    Messages  ─▶ Chat ─▶ Messages       Chat      ─▶ Responses ─▶ Chat
    Messages  ─▶ Responses ─▶ Messages  Responses ─▶ Chat ─▶ Responses

The prompts below say all that both sides of a trip can.  ``ALONE`` is what only the first can say: it stays behind, all
else comes home as if it had not been said, and the loss is recorded.
"""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dialects.names import NAME_LENGTH
from stages.translation import translate_request

Body = dict[str, Any]

CLAUDE, GPT = "claude-opus-5", "gpt-5.2"  # both take all of what is said below
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}
PAPER = "data:application/pdf;base64,JVBERi0xLjQK"
URLS = ["data:image/png;base64,iVBORw0KGgo=", "https://e.com/a.png"]
CLOSED = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "where"}},
    "required": ["city"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"city": {"type": "string", "minLength": 2}}}
RULE = {"syntax": "lark", "definition": 'start: "a"'}
THINKING = {"type": "adaptive", "display": "summarized"}


def home(body: Body, source: str, target: str) -> tuple[Body, list[str]]:
    """*body* after a trip to *target* and back; and where something was lost on the way."""
    out = translate_request(body, source=source, target=target, model=GPT)
    back = translate_request(out.body, source=target, target=source, model=body["model"])
    lost = [edit.path for edit in (*out.edits, *back.edits) if edit.lossy]
    return msgspec.json.decode(back.body), lost


def fields(**either: st.SearchStrategy[Any]) -> st.SearchStrategy[Body]:
    """Any of these fields."""
    return st.fixed_dictionaries({}, optional=either)


def merged(*parts: Body) -> Body:
    """One of several."""
    return {key: value for part in parts for key, value in part.items()}


words = st.text(min_size=1, max_size=12).filter(str.strip)
names = st.from_regex(rf"[a-zA-Z0-9_-]{{1,{NAME_LENGTH}}}", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
inputs = st.dictionaries(words.filter(lambda key: key != "_raw"), values, max_size=3)
arguments = st.builds(lambda value: msgspec.json.encode(value).decode(), inputs)
schemas = st.sampled_from([CLOSED, OPEN, {"type": "object", "properties": {}}])
limits = st.integers(16, 32_000)
efforts = st.sampled_from(["low", "medium", "high", "xhigh"])
tiers = st.sampled_from(["auto", "default", "flex", "priority"])
words_of_choice = st.sampled_from(["auto", "none", "required"])
called = st.integers(0, 2)  # calls in a turn
turns = st.integers(1, 4)

# -- Messages ---------------------------------------------------------------------------------------------------------

texts = st.builds(lambda value: {"type": "text", "text": value}, words)
pictures = st.sampled_from([{"type": "image", "source": source} for source in (PNG, {"type": "url", "url": URLS[1]})])
papers = st.sampled_from([{"type": "document", "source": PDF, "title": title} for title in ("a.pdf", "b.pdf")])
shown = st.lists(texts | pictures | papers, min_size=1, max_size=2)


@st.composite
def messages(draw: st.DrawFn, *, ordered: bool) -> list[Body]:
    """A conversation in the Messages shape.  *ordered*: the assistant speaks and calls in any order, and tools give
    pictures, too; otherwise it speaks once and then calls, as Chat has it."""
    told: list[Body] = []
    results: list[Body] = []
    for turn in range(draw(turns)):
        told.append({"role": "user", "content": results + draw(shown)})
        if draw(st.booleans()):
            told.append({"role": "system", "content": [draw(texts)]})
        said = draw(st.lists(texts, min_size=1, max_size=2 if ordered else 1))
        uses = [
            {"type": "tool_use", "id": f"toolu_{turn}_{number}", "name": draw(names), "input": draw(inputs)}
            for number in range(draw(called))
        ]
        content = draw(st.permutations(said + uses)) if ordered else said[: draw(st.integers(not uses, 1))] + uses
        told.append({"role": "assistant", "content": content})
        inner = shown if ordered else st.lists(texts, max_size=2)
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": draw(inner), **draw(wrong)}
            for block in content
            if block["type"] == "tool_use"
        ]
    return [*told, {"role": "user", "content": [*results, draw(texts)]}]


wrong = fields(is_error=st.just(True))
tools = st.lists(
    st.builds(merged, st.fixed_dictionaries({"name": names, "input_schema": schemas}), fields(description=words)),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: tool["name"],
)
one_by_one = fields(disable_parallel_tool_use=st.just(True))
choices = st.builds(merged, st.sampled_from([{"type": "auto"}, {"type": "any"}]), one_by_one) | st.just(
    {"type": "none"}
)
forms = st.just({"type": "json_schema", "schema": CLOSED})
wishes = st.builds(
    merged,
    fields(output_config=st.builds(lambda form: {"format": form}, forms))
    | st.builds(
        lambda effort, form: {"thinking": THINKING, "output_config": {"effort": effort, **form}},
        efforts,
        fields(format=forms),
    ),
    fields(
        system=st.lists(texts, min_size=1, max_size=2),
        stream=st.booleans(),
        metadata=st.fixed_dictionaries({"user_id": names}),
        service_tier=st.sampled_from(["auto", "standard_only"]),
    ),
)


def claudes(*, ordered: bool) -> st.SearchStrategy[Body]:
    """Prompts of a Messages client."""
    needed = {"model": st.just(CLAUDE), "max_tokens": limits, "messages": messages(ordered=ordered)}
    nothing: st.SearchStrategy[Body] = st.just({})
    offered = st.builds(merged, st.fixed_dictionaries({"tools": tools}), fields(tool_choice=choices)) | nothing
    return st.builds(merged, st.fixed_dictionaries(needed), offered, wishes)


def blocks(content: Any) -> list[Body]:
    """A content as blocks, those of results included."""
    told = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [
        {**block, "content": blocks(block.get("content", []))} if block["type"] == "tool_result" else block
        for block in told
    ]


def plain(body: Body) -> Body:
    """A Messages prompt with blocks wherever a string would do."""
    return {**body, "messages": [{**message, "content": blocks(message["content"])} for message in body["messages"]]}


@given(claudes(ordered=True))
def test_messages_by_way_of_responses(body: Body) -> None:
    """All of it comes home, in the order in which it was said."""
    back, lost = home(body, "anthropic", "responses")
    assert plain(back) == plain(body)
    assert not lost


@given(claudes(ordered=False))
def test_messages_by_way_of_chat(body: Body) -> None:
    """All that Chat has a place for comes home."""
    back, lost = home(body, "anthropic", "chat")
    assert plain(back) == plain(body)
    assert not lost


# -- Chat -------------------------------------------------------------------------------------------------------------

images = st.builds(
    lambda url, detail: {"type": "image_url", "image_url": {"url": url, **detail}},
    st.sampled_from(URLS),
    fields(detail=st.sampled_from(["high", "low"])),
)
files = st.just({"type": "file", "file": {"filename": "a.pdf", "file_data": PAPER}})


@st.composite
def chats(draw: st.DrawFn, custom: str | None) -> list[Body]:
    """A conversation of Chat's.  *custom*: the tool that takes a text, if there is one."""
    told: list[Body] = [{"role": "developer", "content": draw(words)}] if draw(st.booleans()) else []
    for turn in range(draw(turns)):
        told.append({"role": "user", "content": draw(words | st.lists(texts | images | files, min_size=1, max_size=2))})
        if draw(st.booleans()):
            told.append({"role": "developer", "content": draw(words)})
        calls: list[Body] = []
        for number in range(draw(called)):
            if custom and draw(st.booleans()):
                call = {"type": "custom", "custom": {"name": custom, "input": draw(words)}}
            else:
                call = {"type": "function", "function": {"name": f"f-{draw(names)}"[:64], "arguments": draw(arguments)}}
            calls.append({"id": f"call_{turn}_{number}", **call})
        said: Body = {"role": "assistant", "content": draw(words | st.none() if calls else words)}
        told.append(said | ({"tool_calls": calls} if calls else {}))
        told += [{"role": "tool", "tool_call_id": call["id"], "content": draw(words)} for call in calls]
    return [*told, {"role": "user", "content": draw(words)}]


@st.composite
def gpts(draw: st.DrawFn) -> Body:
    """A prompt of a Chat client."""
    custom = draw(st.none() | st.just("patch"))
    free = {"name": custom, "format": {"type": "grammar", "grammar": RULE}}
    offered = [
        {"type": "function", "function": {"name": f"f_{name}"[:64], "parameters": draw(schemas), **draw(about)}}
        for name in draw(st.lists(names, max_size=2, unique=True))
    ] + ([{"type": "custom", "custom": free}] if custom else [])
    choice = fields(tool_choice=words_of_choice, parallel_tool_calls=st.booleans())
    form = st.builds(
        lambda schema, strict: {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, **strict}},
        schemas,
        fields(strict=st.booleans()),
    )
    more = fields(
        reasoning_effort=efforts, top_logprobs=st.integers(1, 5), logprobs=st.just(True), response_format=form,
        verbosity=st.sampled_from(["low", "high"]), safety_identifier=words, user=words, prompt_cache_key=words,
        service_tier=tiers,
    )  # fmt: skip
    kept = [{}, {"store": True}, {"store": True, "metadata": {"team": "blue"}}]
    streams = [{}, {"stream": True, "stream_options": {"include_usage": True}}]
    return {
        "model": GPT,
        "max_completion_tokens": draw(limits),
        "messages": draw(chats(custom)),
        **({"tools": offered, **draw(choice)} if offered else {}),
        **draw(more),
        **draw(st.sampled_from(kept)),
        **draw(st.sampled_from(streams)),
    }


about = fields(description=words, strict=st.just(True))


def chatted(body: Body) -> Body:
    """A Chat prompt with parts wherever a string would do, and without what holds anyway."""
    made = {key: value for key, value in body.items() if (key, value) != ("store", False)}
    made["messages"] = [
        {**message, "content": blocks(message["content"]) if message["content"] is not None else None}
        for message in body["messages"]
    ]
    for tool in made.get("tools", ()):
        if tool[tool["type"]].get("strict") is False:
            del tool[tool["type"]]["strict"]
    return made


@given(gpts())
def test_chat_by_way_of_responses(body: Body) -> None:
    """One vendor's two protocols: grammars, details, schemas of any kind, labels."""
    back, lost = home(body, "chat", "responses")
    assert chatted(back) == chatted(body)
    assert not lost


# -- Responses --------------------------------------------------------------------------------------------------------

heard = st.builds(lambda value: {"type": "input_text", "text": value}, words)
seen = st.builds(
    lambda url, detail: {"type": "input_image", "image_url": url, "detail": detail},
    st.sampled_from(URLS),
    st.sampled_from(["auto", "high", "low"]),
) | st.just({"type": "input_file", "filename": "a.pdf", "file_data": PAPER})


def message(role: str, *content: Body) -> Body:
    """An item that is a message."""
    return {"type": "message", "role": role, "content": [*content]}


@st.composite
def items(draw: st.DrawFn, custom: str | None) -> list[Body]:
    """The input of a Responses prompt; *custom* as in ``chats``."""
    told = [message("developer", draw(heard))] if draw(st.booleans()) else []
    for turn in range(draw(turns)):
        told.append(message("user", *draw(st.lists(heard | seen, min_size=1, max_size=2))))
        if draw(st.booleans()):
            told.append(message("developer", draw(heard)))
        calls: list[Body] = []
        for number in range(draw(called)):
            call = {"call_id": f"call_{turn}_{number}"}
            if custom and draw(st.booleans()):
                calls.append({"type": "custom_tool_call", **call, "name": custom, "input": draw(words)})
            else:
                what = {"name": f"f-{draw(names)}"[:64], "arguments": draw(arguments)}
                calls.append({"type": "function_call", **call, **what})
        if not calls or draw(st.booleans()):
            told.append(message("assistant", {"type": "output_text", "text": draw(words)}))
        told += calls
        told += [
            {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": draw(words)} for call in calls
        ]
    return [*told, message("user", draw(heard))]


@st.composite
def codexes(draw: st.DrawFn) -> Body:
    """A prompt of a Responses client."""
    custom = draw(st.none() | st.just("patch"))
    offered = [
        {"type": "function", "name": f"f_{name}"[:64], "parameters": draw(schemas), "strict": False, **draw(about)}
        for name in draw(st.lists(names, max_size=2, unique=True))
    ] + ([{"type": "custom", "name": custom, "format": {"type": "grammar", **RULE}}] if custom else [])
    form = st.builds(
        lambda schema, strict: {"type": "json_schema", "name": "a", "schema": schema, "strict": strict},
        schemas,
        st.booleans(),
    )
    more = fields(
        reasoning=st.builds(lambda effort: {"effort": effort, "summary": "auto"}, efforts),
        text=fields(verbosity=st.sampled_from(["low", "high"]), format=form).filter(bool),
        stream=st.booleans(), safety_identifier=words, user=words, prompt_cache_key=words, service_tier=tiers,
    )  # fmt: skip
    kept = [{"store": False}, {"store": True}, {"store": True, "metadata": {"team": "blue"}}]
    return {
        "model": GPT,
        "max_output_tokens": draw(limits),
        "input": draw(items(custom)),
        "include": ["reasoning.encrypted_content"],
        **({"tools": offered, **draw(fields(tool_choice=words_of_choice))} if offered else {}),
        **draw(more),
        **draw(st.sampled_from(kept)),
    }


@given(codexes())
def test_responses_by_way_of_chat(body: Body) -> None:
    """All that Chat has a place for comes home."""
    back, lost = home(body, "responses", "chat")
    assert back == body
    assert not lost


# -- what only one side can say ---------------------------------------------------------------------------------------

HI: Body = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
YES: Body = {"role": "assistant", "content": [{"type": "text", "text": "Yes"}]}
MUSED = {**YES, "content": [{"type": "thinking", "thinking": "hm", "signature": "EqQB"}, *YES["content"]]}
PAGES: Body = {"type": "document", "source": PDF, "title": "a.pdf"}
CITED = {**PAGES, "citations": {"enabled": True}}
GREETED = message("user", {"type": "input_text", "text": "Hi"})
ANSWERED = message("assistant", {"type": "output_text", "text": "Yes"})
REASONED: Body = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
SMALL: dict[str, Body] = {
    "anthropic": {"model": CLAUDE, "max_tokens": 100, "messages": [HI]},
    "chat": {"model": GPT, "max_completion_tokens": 100, "messages": [HI]},
    "responses": {"model": GPT, "max_output_tokens": 100, "store": False, "input": [GREETED]},
}
BUDGET = {"task_budget": {"type": "tokens", "total": 20_000}}

# By source: what is said beside SMALL, without and with what has no place elsewhere; and where the loss is recorded.
ALONE: dict[str, list[tuple[Body, Body, str]]] = {
    "anthropic": [
        ({}, {"top_k": 5}, "top_k"),
        ({}, {"inference_geo": "us"}, "inference_geo"),
        ({}, {"container": "container_01"}, "container"),
        ({}, {"fallbacks": [{"model": "claude-opus-4-8"}]}, "fallbacks"),
        ({}, {"thread": {"type": "create"}}, "thread"),
        ({}, {"output_config": BUDGET}, "output_config.task_budget"),
        ({"messages": [{**HI, "content": [PAGES]}]}, {"messages": [{**HI, "content": [CITED]}]}, "messages"),
        ({"messages": [HI, YES, HI]}, {"messages": [HI, MUSED, HI]}, "messages"),
    ],
    "chat": [
        ({}, {"n": 2}, "n"),
        ({}, {"seed": 7}, "seed"),
        ({}, {"logit_bias": {"5": 1}}, "logit_bias"),
        ({}, {"presence_penalty": 0.5}, "presence_penalty"),
        ({}, {"frequency_penalty": 0.5}, "frequency_penalty"),
        ({}, {"prediction": {"type": "content", "content": "Hi"}}, "prediction"),
        ({}, {"messages": [{**HI, "name": "ada"}]}, "messages[0].name"),
    ],
    "responses": [
        ({}, {"max_tool_calls": 3}, "max_tool_calls"),
        ({}, {"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"input": [GREETED, ANSWERED]}, {"input": [GREETED, REASONED, ANSWERED]}, "input"),
    ],
}
TRIPS = [("anthropic", "chat"), ("anthropic", "responses"), ("chat", "responses"), ("responses", "chat")]


@pytest.mark.parametrize(
    ("source", "target", "without", "beside", "path"),
    [(source, target, *row) for source, target in TRIPS for row in ALONE[source]],
)
def test_what_only_one_side_can_say_stays_behind(
    source: str, target: str, without: Body, beside: Body, path: str
) -> None:
    """The rest comes home as if it had not been said, and the loss is recorded where it stood."""
    expected, before = home({**SMALL[source], **without}, source, target)
    back, lost = home({**SMALL[source], **beside}, source, target)
    assert back == expected
    assert (before, lost) == ([], [path])
