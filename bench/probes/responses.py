"""Every field of a Responses request, with a value that clients send."""

from typing import Any

from bench.probes.chat import PDF, PNG
from bench.probes.group import Body, Group
from bench.probes.messages import SCHEMA

POINT = {"mode": "explicit"}
WEATHER: Body = {"type": "function", "name": "weather", "description": "Tells the weather of a city.",
                 "parameters": SCHEMA, "strict": False}  # fmt: skip
TIME: Body = {"type": "function", "name": "time", "parameters": {"type": "object", "properties": {}}, "strict": False}
FREE: Body = {"type": "custom", "name": "patch", "description": "Applies a patch to files."}
SEARCH: Body = {"type": "web_search"}
FIND: Body = {"type": "tool_search", "execution": "client", "description": "Finds more tools there are.",
              "parameters": SCHEMA}  # fmt: skip
ASK: Body = {"role": "user", "content": "What is the weather like in Oslo today?"}
CALL: Body = {"type": "function_call", "call_id": "call_01", "name": "weather",
              "arguments": '{"city":"the city of Oslo"}'}  # fmt: skip
OUTPUT: Body = {"type": "function_call_output", "call_id": "call_01", "output": "ten degrees and rain"}
THOUGHT: Body = {"type": "reasoning", "id": "rs_01", "summary": [{"type": "summary_text", "text": "Is it raining?"}],
                 "encrypted_content": "gAAAAABpHmxK2vQd8rX"}  # fmt: skip
SAID: Body = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains in Oslo."}]}


def ask(*items: Body, **fields: Any) -> Body:
    """A request of one question, or of *items*, as clients send them that keep the conversation themselves."""
    return {"model": "gpt-5.6", "input": [*items] or [ASK], "store": False, **fields}


def user(*parts: Body) -> Body:
    """A request whose question has *parts*."""
    return ask({"role": "user", "content": [{"type": "input_text", "text": "Look at this."}, *parts]})


IMAGE: Body = {"type": "input_image", "image_url": PNG, "detail": "auto"}
FILE: Body = {"type": "input_file", "file_data": PDF}
IN_USER = ("input", 0, "content")
HISTORY = ask(ASK, CALL, OUTPUT, tools=[WEATHER])
TOOLS = ask(tools=[WEATHER])


def call(kind: str, **fields: Any) -> list[Body]:
    """A call of a tool of that *kind* and its output."""
    out = fields.pop("output")
    return [{"type": f"{kind}_call", "call_id": "call_02", **fields},
            {"type": f"{kind}_call_output", "call_id": "call_02", "output": out}]  # fmt: skip


GROUPS = (
    Group("request", "", ask(), (), {
        "model": "gpt-5.4",
        "input: string": "How about the weather in Bergen?",
        "instructions": "You tell the weather, briefly.",
        "max_output_tokens": 1500,
        "max_tool_calls": 3,
        "stream": True,
        "store": True,
        "background": True,
        "previous_response_id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "conversation": "conv_689667905b048191b4740501625afd940c7533ace33a2dab",
        "prompt": {"id": "pmpt_68782fc6f7188190a8ed4bf6ba"},
        "truncation": "auto",
        "context_management": [{"type": "compaction", "compact_threshold": 100000}],
        "include: reasoning": ["reasoning.encrypted_content"],
        "include: logprobs": ["message.output_text.logprobs"],
        "include: search sources": ["web_search_call.action.sources"],
        "temperature": 0.3,
        "top_p": 0.9,
        "top_logprobs": 3,
        "metadata": {"ticket": "the number of a ticket"},
        "service_tier: default": "default",
        "service_tier: fast": "fast",
        "user": "user_0f3a",
        "safety_identifier": "user_0f3a",
        "prompt_cache_key": "conversation-17-of-ada",
        "prompt_cache_options": {"mode": "explicit"},
        "prompt_cache_retention": "24h",
        "moderation": {"model": "omni-moderation-latest"},
        "image": {"context_compression": "auto"},
        "access_programs": {"cyber": True},
        "client_metadata": {"client": "the name of a client"},
        "tools": [WEATHER],
    }),
    Group("request", "", ask(stream=True), (), {"stream_options": {"include_obfuscation": False}}),
    Group("request", "", TOOLS, (), {"parallel_tool_calls": False}),
    Group("reasoning", "", ask(), (), {
        "reasoning.effort: high": "high",
        "reasoning.effort: none": "none",
        "reasoning.summary": "detailed",
        "reasoning.generate_summary": "detailed",
        "reasoning.context": "all_turns",
        "reasoning.mode": "pro",
    }),
    Group("text", "", ask(), (), {
        "text.format: json_object": {"type": "json_object"},
        "text.format: json_schema": {"type": "json_schema", "name": "weather", "schema": SCHEMA},
        "text.format: json_schema, strict": {"type": "json_schema", "name": "weather", "schema": SCHEMA,
                                              "strict": True},
        "text.verbosity": "low",
    }),
    Group("function", "function", TOOLS, ("tools", 0), {
        "name": "weather_of",
        "description": "Tells the weather of any city.",
        "parameters": {**SCHEMA, "required": []},
        "strict": True,
        "defer_loading": True,
        "allowed_callers": ["programmatic"],
        "output_schema": {"type": "object", "properties": {"degrees": {"type": "number", "title": "degrees in Oslo"}}},
        "async": True,
    }),
    Group("tool", "", TOOLS, ("tools",), {
        "custom": FREE,
        "custom: grammar": {**FREE, "format": {"type": "grammar", "syntax": "lark", "definition": "start: A or B"}},
        "namespace": {"type": "namespace", "name": "city", "description": "Tools about a city.", "tools": [TIME]},
        "apply_patch": {"type": "apply_patch"},
        "shell": {"type": "shell"},
        "local_shell": {"type": "local_shell"},
        "tool_search: client": FIND,
        "tool_search": {"type": "tool_search"},
        "web_search": SEARCH,
        "web_search_2025_08_26": {"type": "web_search_2025_08_26"},
        "web_search_preview": {"type": "web_search_preview"},
        "web_search_preview_2025_03_11": {"type": "web_search_preview_2025_03_11"},
        "file_search": {"type": "file_search", "vector_store_ids": ["vs_01"]},
        "computer": {"type": "computer"},
        "computer_use_preview": {"type": "computer_use_preview", "display_width": 800, "display_height": 600,
                                 "environment": "browser"},
        "code_interpreter": {"type": "code_interpreter", "container": {"type": "auto"}},
        "image_generation": {"type": "image_generation"},
        "mcp": {"type": "mcp", "server_label": "shop", "server_url": "https://mcp.example.com/sse"},
        "programmatic_tool_calling": {"type": "programmatic_tool_calling"},
    }),
    Group("custom", "custom", ask(tools=[FREE]), ("tools", 0), {
        "name": "patch_of",
        "description": "Applies a patch to some files.",
        "defer_loading": True,
        "allowed_callers": ["programmatic"],
        "async": True,
    }),
    Group("web_search", "web_search", ask(tools=[WEATHER, SEARCH]), ("tools", 1), {
        "filters": {"allowed_domains": ["weather.example.com"]},
        "user_location": {"type": "approximate", "city": "Oslo"},
        "search_context_size": "high",
        "external_web_access": False,
    }),
    Group("tool_choice", "", ask(tools=[WEATHER, TIME]), (), {
        "tool_choice: auto": "auto",
        "tool_choice: required": "required",
        "tool_choice: none": "none",
        "tool_choice: function": {"type": "function", "name": "weather"},
        "tool_choice: allowed_tools": {"type": "allowed_tools", "mode": "auto", "tools": [
            {"type": "function", "name": "weather"}]},
    }),
    Group("tool_choice", "", ask(tools=[WEATHER, FREE]), (), {
        "tool_choice: custom": {"type": "custom", "name": "patch"},
    }),
    Group("tool_choice", "", ask(tools=[WEATHER, SEARCH]), (), {"tool_choice: web_search": {"type": "web_search"}}),
    Group("tool_choice", "", ask(tools=[WEATHER, {"type": "apply_patch"}]), (), {
        "tool_choice: apply_patch": {"type": "apply_patch"},
    }),
    Group("item", "", ask(), (), {
        "input: system, first": [{"role": "system", "content": "You tell the weather, briefly."}, ASK],
        "input: developer, first": [{"role": "developer", "content": "You tell the weather, briefly."}, ASK],
    }),
    Group("item", "", ask(ASK), ("input",), {
        "message (assistant), message (user)": [SAID, ASK],
        "message (developer), amid": [
            SAID, ASK, {"role": "developer", "content": "From now on answer in Norwegian."}],
        "reasoning (OpenAI's), message": [THOUGHT, SAID, ASK],
        "item_reference": {"type": "item_reference", "id": "msg_01"},
        "compaction": {"type": "compaction", "encrypted_content": "gAAAAABpHmxK2vQd8rX"},
        "compaction_trigger": {"type": "compaction_trigger"},
        "configuration_update": {"type": "configuration_update", "reasoning": {"effort": "high"}},
        "additional_tools": {"type": "additional_tools", "role": "developer", "tools": [TIME]},
        "web_search_call": [{"type": "web_search_call", "id": "ws_01", "status": "completed",
                             "action": {"type": "search", "query": "weather in Oslo"}}, SAID, ASK],
        "file_search_call": [{"type": "file_search_call", "id": "fs_01", "status": "completed",
                              "queries": ["weather in Oslo"]}, SAID, ASK],
        "code_interpreter_call": [{"type": "code_interpreter_call", "id": "ci_01", "status": "completed",
                                   "container_id": "cntr_01", "code": "print('ten degrees')"}, SAID, ASK],
        "image_generation_call": [{"type": "image_generation_call", "id": "ig_01", "status": "completed",
                                   "result": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"}, SAID, ASK],
        "computer_call, computer_call_output": [
            {"type": "computer_call", "id": "cu_01", "call_id": "call_02", "status": "completed",
             "action": {"type": "screenshot"}, "pending_safety_checks": []},
            {"type": "computer_call_output", "call_id": "call_02",
             "output": {"type": "computer_screenshot", "image_url": PNG}}, SAID, ASK],
        "mcp_list_tools": [{"type": "mcp_list_tools", "id": "mcpl_01", "server_label": "shop", "tools": []}, SAID, ASK],
        "mcp_call": [{"type": "mcp_call", "id": "mcp_01", "server_label": "shop", "name": "find", "arguments": "{}",
                      "output": "two umbrellas in stock"}, SAID, ASK],
        "mcp_approval_request, mcp_approval_response": [
            {"type": "mcp_approval_request", "id": "mcpr_01", "server_label": "shop", "name": "f", "arguments": "{}"},
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_01", "approve": True}],
        "program, program_output": [
            {"type": "program", "id": "prog_01", "call_id": "call_02", "code": "print('ten degrees')"},
            {"type": "program_output", "call_id": "call_02", "result": "ten degrees and rain"}, SAID, ASK],
    }),
    Group("item", "", TOOLS, ("input",), {
        "function_call, function_call_output": [CALL, OUTPUT],
        "function_call: two at once": [CALL, {**CALL, "call_id": "call_02", "arguments": '{"city":"Bergen by sea"}'},
                                       OUTPUT, {**OUTPUT, "call_id": "call_02", "output": "sun all day long"}],
        "custom_tool_call, custom_tool_call_output": [
            {"type": "custom_tool_call", "call_id": "call_02", "name": "patch", "input": "*** Begin of a patch"},
            {"type": "custom_tool_call_output", "call_id": "call_02", "output": "the patch was applied"}],
        "apply_patch_call, apply_patch_call_output": call(
            "apply_patch", operation={"type": "create_file", "path": "a.txt", "diff": "+ a line of it"},
            status="completed", output="the patch was applied"),
        "shell_call, shell_call_output": call(
            "shell", action={"commands": ["ls -l the folder"]}, status="completed",
            output=[{"stdout": "two files in it", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]),
        "local_shell_call, local_shell_call_output": [
            {"type": "local_shell_call", "id": "lsh_01", "call_id": "call_02", "status": "completed",
             "action": {"type": "exec", "command": ["ls", "-l the folder"], "env": {}}},
            {"type": "local_shell_call_output", "id": "call_02", "output": "two files in it"}],
        "tool_search_call, tool_search_output": [
            {"type": "tool_search_call", "call_id": "call_02", "execution": "client", "arguments": {"city": "Oslo"}},
            {"type": "tool_search_output", "call_id": "call_02", "execution": "client", "tools": [TIME]}],
    }),
    Group("message", "message", ask(ASK, SAID, ASK), ("input", 1), {
        "content: output_text": [{"type": "output_text", "text": "It rains in all of Norway."}],
        "content: refusal": [{"type": "refusal", "refusal": "That I can not tell you."}],
        "phase": "commentary",
        "id": "msg_01",
        "status": "completed",
    }),
    Group("function_call", "function_call", HISTORY, ("input", 1), {
        "arguments": '{"city":"the city of Bergen"}',
        "id": "fc_01",
        "status": "completed",
        "namespace": "city",
        "caller": {"type": "program", "caller_id": "call_07"},
        "async": True,
    }),
    Group("function_call_output", "function_call_output", HISTORY, ("input", 2), {
        "output: string": "twelve degrees and fog",
        "output: input_text": [{"type": "input_text", "text": "twelve degrees and fog"}],
        "output: input_image": [IMAGE],
        "output: input_file": [FILE],
        "id": "fco_01",
        "status": "completed",
        "name": "weather",
        "namespace": "city",
        "caller": {"type": "program", "caller_id": "call_07"},
    }),
    Group("reasoning item", "reasoning", ask(ASK, {"type": "reasoning", "id": "rs_01", "summary": []}, SAID, ASK),
          ("input", 1), {
        "summary": [{"type": "summary_text", "text": "Where does it rain?"}],
        "encrypted_content": "gAAAAABpHmxK2vQd8rX",
        "content": [{"type": "reasoning_text", "text": "It rains in the west."}],
        "status": "completed",
    }),
    Group("part", "", user(), IN_USER, {
        "input_text": {"type": "input_text", "text": "It is the map of the rain."},
        "input_image: data": IMAGE,
        "input_image: http": {**IMAGE, "image_url": "https://example.com/map-of-rain.png"},
        "input_image: file_id": {"type": "input_image", "file_id": "file-6F2ksmvXxt4VdoqmHRw6kL", "detail": "auto"},
        "input_file: file_data": FILE,
        "input_file: file_url": {"type": "input_file", "file_url": "https://example.com/forecast.pdf"},
        "input_file: file_id": {"type": "input_file", "file_id": "file-6F2ksmvXxt4VdoqmHRw6kL"},
    }),
    Group("part: input_text", "input_text", user(), (*IN_USER, 0), {
        "text": "Look closely at this, please.",
        "prompt_cache_breakpoint": POINT,
        "prompt_cache_breakpoint: 12h": {**POINT, "ttl": "12h"},
    }),
    Group("part: input_image", "input_image", user(IMAGE), (*IN_USER, 1), {
        "detail": "high",
        "prompt_cache_breakpoint": POINT,
    }),
    Group("part: input_file", "input_file", user(FILE), (*IN_USER, 1), {
        "filename": "forecast of the rain.pdf",
        "detail": "high",
        "prompt_cache_breakpoint": POINT,
    }),
)  # fmt: skip
