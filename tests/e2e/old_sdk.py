"""Run in an environment of its own: asks the gateway with an old major of an SDK; prints what it made of the answers.

python old_sdk.py BASE_URL anthropic|chat|responses SCRIPT
"""

import json
import sys
from typing import Any

MODEL = "claude-opus-4-5"


def anthropic(url: str, script: str) -> list[Any]:
    import anthropic  # only the one that is asked for

    client = anthropic.Anthropic(base_url=url, api_key="any", max_retries=0)
    body: Any = {"model": MODEL, "max_tokens": 4000, "messages": [{"role": "user", "content": script}]}
    with client.messages.stream(**body) as stream:
        streamed = stream.get_final_message()
    whole = client.messages.create(**body)
    told = [[said.stop_reason, [block.type for block in said.content]] for said in (whole, streamed)]
    return [anthropic.__version__, *told]


def chat(url: str, script: str) -> list[Any]:
    import openai  # only the one that is asked for

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
    body: Any = {"model": MODEL, "messages": [{"role": "user", "content": script}]}
    with client.chat.completions.stream(**body) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_completion()
    whole = client.chat.completions.create(**body)
    return [
        openai.__version__,
        *([c.choices[0].finish_reason, c.choices[0].message.content] for c in (whole, streamed)),
    ]


def responses(url: str, script: str) -> list[Any]:
    import openai  # only the one that is asked for

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
    body: Any = {"model": MODEL, "input": script}
    with client.responses.stream(**body) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()
    whole = client.responses.create(**body)
    return [openai.__version__, *([r.status, r.output_text] for r in (whole, streamed))]


if __name__ == "__main__":
    base, dialect, words = sys.argv[1:]
    print(json.dumps({"anthropic": anthropic, "chat": chat, "responses": responses}[dialect](base, words)))  # noqa: T201  # its output
