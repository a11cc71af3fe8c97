"""Every field of an Anthropic Messages request, with a value that clients send."""

from typing import Any

from bench.probes.group import Body, Group

MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PA"}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "the city that is asked about"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"name": "weather", "description": "Tells the weather of a city.", "input_schema": SCHEMA}
ASK = {"role": "user", "content": "What is the weather like in Oslo today?"}
CALL = {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "the city of Oslo"}}
RESULT: Body = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "ten degrees and rain"}


def ask(**fields: Any) -> Body:
    """A request of one question."""
    return {"model": "claude-opus-5-5", "max_tokens": 1000, "messages": [ASK], **fields}


def user(*blocks: Body) -> Body:
    """A request whose question has *blocks*."""
    return ask(messages=[{"role": "user", "content": [{"type": "text", "text": "Look at this."}, *blocks]}])


def assistant(*blocks: Body) -> Body:
    """A request in whose history the assistant said *blocks*."""
    said = [{"type": "text", "text": "I am looking."}, *blocks]
    return ask(messages=[ASK, {"role": "assistant", "content": said}, {"role": "user", "content": "And tomorrow?"}])


def called(call: Body = CALL, result: Body = RESULT, **fields: Any) -> Body:
    """A request in whose history a tool was called."""
    turns = [ASK, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return ask(messages=turns, tools=[WEATHER], **fields)


def result(*inner: Body) -> Body:
    """A tool's result that has blocks."""
    return {**RESULT, "content": [{"type": "text", "text": "ten degrees and rain"}, *inner]}


IN_USER = ("messages", 0, "content")
IN_ASSISTANT = ("messages", 1, "content")
IN_RESULT = ("messages", 2, "content", 0)
DOCUMENT = {"type": "document", "source": PDF}
FOUND: Body = {
    "type": "search_result",
    "source": "https://example.com/weather/oslo",
    "title": "The weather of Oslo",
    "content": [{"type": "text", "text": "Rain is expected all day."}],
}
SERVER = {"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "weather in Oslo"}}
PAGE = {"type": "web_search_result", "url": "https://example.com/weather", "title": "Weather of Oslo",
        "encrypted_content": "EqgfCioIARgBIiQ3YTAwMjY1Mi1mZjM5", "page_age": "2 days"}  # fmt: skip
EDIT = {"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 1}, "keep": {"value": 0}}


def answered(kind: str, content: Any) -> list[Body]:
    """The result of a server's tool, after its call."""
    return [SERVER, {"type": f"{kind}_tool_result", "tool_use_id": "srvtoolu_01", "content": content}]


GROUPS = (
    Group("request", "", ask(), (), {
        "model": "claude-sonnet-5",
        "max_tokens": 1500,
        "system: string": "You tell the weather, briefly.",
        "system: blocks": [{"type": "text", "text": "You tell the weather, briefly."}],
        "messages": [{"role": "user", "content": "How about the weather in Bergen?"}],
        "stop_sequences": ["</weather>"],
        "stream": True,
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 40,
        "metadata.user_id": "user_0f3a",
        "cache_control": MARK,
        "service_tier": "standard_only",
        "speed": "fast",
        "inference_geo": "us",
        "container": "container_011CPR5CNjB747bTd36fQLFk",
        "diagnostics": {"previous_message_id": "msg_01XFDUDYJgAACzvnptvVoYEL"},
        "tools": [WEATHER],
        "mcp_servers": [{"type": "url", "name": "shop", "url": "https://mcp.example.com/sse"}],
        "fallbacks": [{"model": "claude-opus-5"}],
        "fallback_credit_token": "fct_01XFDUDYJgAACzvnptvVoYEL",
        "billing_policy": {"type": "standard"},
        "compaction": {"type": "summarize"},
        "thread": {"type": "create"},
        "betas": ["context-management-2025-06-27"],
        "workspace_id": "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ",
        "user_profile_id": "uprof_01JwQvzr7rXLA5AGx3HKfFUJ",
        "safeguards": [{"type": "dangerous_tool_use"}],
        "output_format": {"type": "json_schema", "schema": SCHEMA},
    }),
    Group("request", "", called(), (), {
        "context_management: clear_tool_uses": {"edits": [EDIT]},
        "context_management: compact": {"edits": [{"type": "compact_20260112"}]},
    }),
    Group("thinking", "", ask(max_tokens=9000), (), {
        "thinking: adaptive": {"type": "adaptive"},
        "thinking: enabled, budget_tokens": {"type": "enabled", "budget_tokens": 4000},
        "thinking: disabled": {"type": "disabled"},
        "thinking: between_tools": {"type": "between_tools"},
        "thinking: display summarized": {"type": "adaptive", "display": "summarized"},
        "output_config.effort: high": "high",
        "output_config.effort: max": "max",
        "output_config.format": {"type": "json_schema", "schema": SCHEMA},
        "output_config.task_budget": {"type": "tokens", "total": 20000},
    }),
    Group("thinking", "", ask(thinking={"type": "adaptive"}), ("thinking",), {"display: omitted": "omitted"}),
    Group("tool", "custom", ask(tools=[WEATHER]), ("tools", 0), {
        "name": "weather_of",
        "name: 90 characters": "weather_" * 11 + "in",
        "description": "Tells the weather of any city.",
        "input_schema": {**SCHEMA, "required": []},
        "strict": True,
        "cache_control": MARK,
        "input_examples": [{"city": "the city of Bergen"}],
        "defer_loading": True,
        "eager_input_streaming": True,
        "allowed_callers": ["code_execution_20260120"],
    }),
    Group("tool", "", ask(tools=[WEATHER]), ("tools",), {
        "bash_20250124": {"type": "bash_20250124", "name": "bash"},
        "text_editor_20250728": {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        "memory_20250818": {"type": "memory_20250818", "name": "memory"},
        "computer_toolset_20260801": {"type": "computer_toolset_20260801"},
        "browser_toolset_20260801": {"type": "browser_toolset_20260801"},
        "web_search_20260318": {"type": "web_search_20260318", "name": "web_search"},
        "web_fetch_20260318": {"type": "web_fetch_20260318", "name": "web_fetch"},
        "code_execution_20260521": {"type": "code_execution_20260521", "name": "code_execution"},
        "tool_search_tool_regex_20251119": {"type": "tool_search_tool_regex_20251119", "name": "tool_search"},
        "tool_search_tool_bm25_20251119": {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
    }),
    Group("web_search tool", "", ask(tools=[WEATHER, {"type": "web_search_20250305", "name": "web_search"}]),
          ("tools", 1), {
        "max_uses": 3,
        "allowed_domains": ["weather.example.com"],
        "blocked_domains": ["news.example.com"],
        "user_location": {"type": "approximate", "city": "Oslo", "country": "NO"},
    }),
    Group("tool_choice", "", ask(tools=[WEATHER]), (), {
        "tool_choice: auto": {"type": "auto"},
        "tool_choice: any": {"type": "any"},
        "tool_choice: tool": {"type": "tool", "name": "weather"},
        "tool_choice: none": {"type": "none"},
        "tool_choice: disable_parallel_tool_use": {"type": "auto", "disable_parallel_tool_use": True},
    }),
    Group("message", "", ask(), ("messages",), {
        "user, twice in a row": {"role": "user", "content": "And what about tomorrow?"},
        "assistant, then user": [{"role": "assistant", "content": "It rains in all of Oslo."}, ASK],
        "system, amid": [{"role": "assistant", "content": "It rains in all of Oslo."}, ASK,
                         {"role": "system", "content": "From now on answer in Norwegian."}],
        "assistant, last": {"role": "assistant", "content": "It is going to be"},
    }),
    Group("system", "text", ask(system=[{"type": "text", "text": "You tell the weather."}]), ("system", 0), {
        "text": "You tell the weather, briefly.",
        "cache_control": MARK,
        "cache_control: 1h": HOUR,
    }),
    Group("text (user)", "text", user(), ("messages", 0, "content", 0), {
        "text": "Look closely at this, please.",
        "cache_control": MARK,
        "cache_control: 1h": HOUR,
    }),
    Group("text (assistant)", "text", assistant(), ("messages", 1, "content", 0), {
        "text": "I am looking at the map.",
        "cache_control": MARK,
        "citations": [{"type": "char_location", "cited_text": "rain is expected", "document_index": 0,
                       "document_title": "Forecast", "start_char_index": 0, "end_char_index": 16}],
    }),
    Group("image", "", user(), IN_USER, {
        "image: base64": {"type": "image", "source": PNG},
        "image: url": {"type": "image", "source": {"type": "url", "url": "https://example.com/map-of-rain.png"}},
        "image: file": {"type": "image", "source": {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}},
    }),
    Group("image", "image", user({"type": "image", "source": PNG}), (*IN_USER, 1), {
        "cache_control": MARK,
        "transformations": {"oversized_image": "error"},
    }),
    Group("document", "", user(), IN_USER, {
        "document: base64": DOCUMENT,
        "document: text": {"type": "document", "source": {"type": "text", "media_type": "text/plain",
                                                          "data": "Rain is expected all day."}},
        "document: content": {"type": "document", "source": {"type": "content", "content": [
            {"type": "text", "text": "Rain is expected all day."}]}},
        "document: url": {"type": "document", "source": {"type": "url", "url": "https://example.com/forecast.pdf"}},
        "document: file": {"type": "document", "source": {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q"}},
    }),
    Group("document", "document", user(DOCUMENT), (*IN_USER, 1), {
        "title": "The forecast for Oslo",
        "context": "Issued by the weather service this morning.",
        "citations": {"enabled": True},
        "cache_control": MARK,
    }),
    Group("document (url)", "document", user({**DOCUMENT, "source": {
        "type": "url", "url": "https://example.com/forecast.pdf"}}), (*IN_USER, 1), {
        "title": "The forecast for Oslo",
        "context": "Issued by the weather service this morning.",
        "citations": {"enabled": True},
        "cache_control": MARK,
    }),
    Group("search_result", "", user(), IN_USER, {"search_result": FOUND}),
    Group("search_result", "search_result", user(FOUND), (*IN_USER, 1), {
        "citations": {"enabled": True},
        "cache_control": MARK,
    }),
    Group("thinking", "", assistant(), IN_ASSISTANT, {
        "thinking, redacted_thinking (Claude's)": [
            {"type": "thinking", "thinking": "Where would it rain today?", "signature": "EqQBCgIYAhIM1gbcDa9G"},
            {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix9LafPsn4a"}],
    }),
    Group("tool_use", "", ask(tools=[WEATHER]), ("messages",), {
        "tool_use, tool_result": [{"role": "assistant", "content": [CALL]}, {"role": "user", "content": [RESULT]}],
        "tool_use: two at once": [
            {"role": "assistant", "content": [CALL, {**CALL, "id": "toolu_02", "input": {"city": "Bergen by sea"}}]},
            {"role": "user", "content": [RESULT, {**RESULT, "tool_use_id": "toolu_02", "content": "sun all day"}]}],
    }),
    Group("tool_use", "tool_use", called(), ("messages", 1, "content", 0), {
        "input": {"city": "the city of Bergen"},
        "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_01"},
        "toolset_name": "browser",
        "cache_control": MARK,
    }),
    Group("tool_result", "tool_result", called(), IN_RESULT, {
        "content: string": "twelve degrees and fog",
        "content: none": None,
        "is_error": True,
        "toolset_name": "browser",
        "cache_control": MARK,
    }),
    Group("tool_result", "", called(result=result()), (*IN_RESULT, "content"), {
        "content: text": {"type": "text", "text": "and some wind from the west"},
        "content: image": {"type": "image", "source": PNG},
        "content: document": DOCUMENT,
        "content: search_result": FOUND,
        "content: tool_reference": {"type": "tool_reference", "tool_name": "weather_of_yesterday"},
        "content: browser_state": {"type": "browser_state", "tabs": [{"url": "https://example.com/weather"}]},
    }),
    Group("server tool", "", assistant(), IN_ASSISTANT, {
        "server_tool_use, web_search_tool_result": answered("web_search", [PAGE]),
        "web_fetch_tool_result": answered("web_fetch", {"type": "web_fetch_result", "url": "https://example.com/rain",
                                                        "content": DOCUMENT, "retrieved_at": "2026-11-20T08:00:00Z"}),
        "code_execution_tool_result": answered("code_execution", {
            "type": "code_execution_result", "stdout": "ten degrees in Oslo", "stderr": "", "return_code": 0,
            "content": []}),
        "bash_code_execution_tool_result": answered("bash_code_execution", {
            "type": "bash_code_execution_result", "stdout": "ten degrees in Oslo", "stderr": "", "return_code": 0,
            "content": []}),
        "text_editor_code_execution_tool_result": answered("text_editor_code_execution", {
            "type": "text_editor_code_execution_view_result", "file_type": "text", "content": "ten degrees in Oslo"}),
        "tool_search_tool_result": answered("tool_search", {
            "type": "tool_search_tool_search_result",
            "tool_references": [{"type": "tool_reference", "tool_name": "weather_of_yesterday"}]}),
    }),
    Group("beta block", "", assistant(), IN_ASSISTANT, {
        "mcp_tool_use, mcp_tool_result": [
            {"type": "mcp_tool_use", "id": "mcptoolu_01", "name": "find", "server_name": "shop", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_01", "is_error": False,
             "content": [{"type": "text", "text": "two umbrellas in stock"}]}],
        "advisor_tool_result": {"type": "advisor_tool_result", "tool_use_id": "srvtoolu_01",
                                "content": {"type": "advisor_result", "text": "take an umbrella along"}},
        "compaction": {"type": "compaction", "content": "They talked about rain in Oslo."},
        "fallback": {"type": "fallback", "from": {"model": "claude-fable-5-2"}, "to": {"model": "claude-opus-5"}},
    }),
    Group("container_upload", "", user(), IN_USER, {
        "container_upload": {"type": "container_upload", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"},
    }),
)  # fmt: skip
