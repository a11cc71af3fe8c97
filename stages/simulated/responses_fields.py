"""What the Responses API knows: the names of its fields, items, parts and tools, and the values that some may have.

Tables only, after the API's reference and its own Python package (November 2026).
"""

# -- the request ------------------------------------------------------------------------------------------------------

SHARED = {
    "conversation",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
}
COUNTED = frozenset(SHARED | {"personality"})  # in a request to count
REQUEST = frozenset(
    SHARED
    | {
        "access_programs",
        "background",
        "client_metadata",  # of the vendor's own agent
        "context_management",
        "image",
        "include",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "moderation",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "top_logprobs",
        "top_p",
        "user",
    }
)
MOVED = {  # from Chat Completions
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
OBJECTS = {
    "reasoning": {"effort", "summary", "generate_summary", "context", "mode"},
    "text": {"format", "verbosity"},
    "stream_options": {"include_obfuscation"},
    "prompt_cache_options": {"mode", "ttl", "prewarm", "comparison_response_id"},
}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
VALUES = {  # by the path to a field
    "prompt_cache_options.mode": ("implicit", "explicit"),
    "prompt_cache_options.ttl": ("30m", "12h"),
    "reasoning.context": ("auto", "current_turn", "all_turns"),
    "reasoning.effort": EFFORTS,
    "reasoning.generate_summary": ("auto", "concise", "detailed"),
    "reasoning.summary": ("auto", "concise", "detailed"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast"),
    "text.verbosity": ("low", "medium", "high"),
    "truncation": ("auto", "disabled"),
}
INCLUDE = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
)
FORMATS = {
    "text": {"type"},
    "json_object": {"type"},
    "json_schema": {"type", "name", "schema", "strict", "description"},
}

# -- tools ------------------------------------------------------------------------------------------------------------

_ANY = {"type", "name", "description", "defer_loading", "allowed_callers", "async"}
_SEARCH = {
    "type",
    "filters",
    "user_location",
    "search_context_size",
    "search_content_types",
    "external_web_access",
}
TOOLS: dict[str, set[str] | None] = {  # by type; None: not looked into
    "function": _ANY | {"parameters", "strict", "output_schema"},
    "file_search": None,
    "computer": {"type"},
    "computer_use_preview": None,
    "web_search": _SEARCH,
    "web_search_2025_08_26": _SEARCH,
    "mcp": None,
    "code_interpreter": {"type", "container", "allowed_callers"},
    "programmatic_tool_calling": {"type"},
    "image_generation": None,
    "local_shell": {"type"},
    "shell": {"type", "environment", "allowed_callers"},
    "custom": _ANY | {"format"},
    "namespace": {"type", "name", "description", "tools"},
    "tool_search": {"type", "execution", "description", "parameters"},
    "web_search_preview": None,
    "web_search_preview_2025_03_11": None,
    "apply_patch": {"type", "allowed_callers"},
}
GRAMMARS = {"text": {"type"}, "grammar": {"type", "syntax", "definition"}}  # formats of a custom tool
CHOICES = {  # by type of a tool_choice; any other tool by its type alone
    "function": {"type", "name"},
    "custom": {"type", "name"},
    "mcp": {"type", "server_label", "name"},
    "allowed_tools": {"type", "mode", "tools"},
}

# -- the input --------------------------------------------------------------------------------------------------------

_ITEM = {"type", "id", "status"}
_CALL = _ITEM | {"call_id", "caller"}
ITEMS: dict[str, set[str] | None] = {
    "message": _ITEM | {"role", "content", "phase"},
    "file_search_call": None,
    "computer_call": None,
    "computer_call_output": None,
    "web_search_call": _ITEM | {"action"},
    "function_call": _CALL | {"name", "arguments", "namespace", "async"},
    "function_call_output": _CALL | {"output", "name", "namespace"},
    "tool_search_call": _CALL | {"execution", "arguments"},
    "tool_search_output": _CALL | {"execution", "tools"},
    "additional_tools": _ITEM | {"role", "tools"},
    "configuration_update": _ITEM | {"reasoning", "text"},
    "reasoning": _ITEM | {"summary", "content", "encrypted_content"},
    "compaction": _ITEM | {"encrypted_content"},
    "image_generation_call": None,
    "code_interpreter_call": None,
    "local_shell_call": _CALL | {"action"},
    "local_shell_call_output": _ITEM | {"output"},
    "shell_call": _CALL | {"action", "environment"},
    "shell_call_output": _CALL | {"output", "max_output_length"},
    "apply_patch_call": _CALL | {"operation"},
    "apply_patch_call_output": _CALL | {"output"},
    "mcp_list_tools": None,
    "mcp_approval_request": None,
    "mcp_approval_response": None,
    "mcp_call": None,
    "custom_tool_call_output": _CALL | {"output", "name"},
    "custom_tool_call": _CALL | {"name", "input", "namespace", "async"},
    "compaction_trigger": _ITEM,
    "item_reference": {"type", "id"},
    "program": None,
    "program_output": None,
}
REQUIRED = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "reasoning": ("summary",),
    "item_reference": ("id",),
    "additional_tools": ("tools",),
    "compaction": ("encrypted_content",),
    "local_shell_call_output": ("id", "output"),
    "shell_call_output": ("call_id", "output"),
    "apply_patch_call_output": ("call_id", "status"),
}
PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}  # of ids
ANSWERS = {  # by type of a call: what answers it, by which field of that, and how the call is called
    "function_call": ("function_call_output", "call_id", "function call"),
    "custom_tool_call": ("custom_tool_call_output", "call_id", "custom tool call"),
    "local_shell_call": ("local_shell_call_output", "id", "local shell call"),
    "shell_call": ("shell_call_output", "call_id", "shell call"),
    "apply_patch_call": ("apply_patch_call_output", "call_id", "apply patch call"),
}
ROLES = ("assistant", "system", "developer", "user")
PARTS = {
    "input_text": {"type", "text", "prompt_cache_breakpoint"},
    "input_image": {"type", "detail", "file_id", "image_url", "prompt_cache_breakpoint"},
    "input_file": {"type", "detail", "file_data", "file_id", "file_url", "filename", "prompt_cache_breakpoint"},
    "input_audio": {"type", "input_audio"},
    "output_text": {"type", "text", "annotations", "logprobs"},
    "refusal": {"type", "refusal"},
    "computer_screenshot": {"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"},
    "summary_text": {"type", "text"},
    "encrypted_content": {"type", "encrypted_content"},
}
SPOKEN = ("output_text", "refusal")  # parts of the model's own messages
GIVEN = ("input_text", "input_image", "input_file")  # of everybody else's, and of outputs
