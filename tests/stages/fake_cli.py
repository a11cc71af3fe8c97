"""A program that passes for the CLI: it speaks lines of JSON as that does, and does what the last message says.

    … [exit N] [midway] [garbage] [broken] [hang] [stubborn] [huge] [secrets] [signed-out] [limit] [overflow] [silent]
    [again] [fallback] [tools] [cut]  …

Run by the interpreter, alone; what it was started with and told goes to the file FAKE_LOG, a JSON object a line.
"""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

SYNTHETIC = "<synthetic>"
MODEL = "claude-sonnet-5-5"


def log(**said: Any) -> None:
    with open(os.environ["FAKE_LOG"], "a", encoding="utf-8") as file:
        file.write(json.dumps(said) + "\n")


def say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def event(**fields: Any) -> None:
    say(type="stream_event", event=fields, session_id="s", parent_tool_use_id=None, uuid="u")


def result(text: str = "", **more: Any) -> None:
    counts = {"inputTokens": 7, "outputTokens": 5, "cacheReadInputTokens": 11, "cacheCreationInputTokens": 0,
              "thinkingTokens": 2}  # fmt: skip
    told = {"subtype": "success", "is_error": False, "result": text, "api_error_status": None, "num_turns": 1}
    say(type="result", **{**told, "modelUsage": {MODEL: {**counts, "inputTokens": 900}},
                          "model_usage_since_last_result": {MODEL: counts}, **more})  # fmt: skip


def fails(text: str, word: str, status: int | None = None, kind: str = "") -> None:
    message = {"id": "x", "model": SYNTHETIC, "content": [{"type": "text", "text": text}]}
    say(type="assistant", message=message, parent_tool_use_id=None, error=word, api_error_type=kind)
    result(text, is_error=True, api_error_status=status)


def begin(id_: str = "msg_1") -> None:
    event(type="message_start", message={"id": id_, "type": "message", "role": "assistant", "model": MODEL,
          "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}})  # fmt: skip


def block(index: int, text: str) -> None:
    event(type="content_block_start", index=index, content_block={"type": "text", "text": ""})
    for piece in text.split(" "):
        event(type="content_block_delta", index=index, delta={"type": "text_delta", "text": piece + " "})
    say(type="assistant", message={"id": "msg_1", "model": MODEL, "content": [{"type": "text", "text": text + " "}]},
        parent_tool_use_id=None)  # fmt: skip
    event(type="content_block_stop", index=index)


def end(stop: str = "end_turn") -> None:
    event(type="message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": 5})
    event(type="message_stop")


def plays(text: str) -> bool:
    """Do what *text* says in place of an answer; whether it said anything."""
    match [word for word in ("[exit", "[secrets]", "[signed-out]", "[limit]", "[overflow]", "[silent]", "[broken]",
                             "[huge]") if word in text]:  # fmt: skip
        case ["[exit"]:
            sys.exit(int(text.partition("[exit ")[2].partition("]")[0]))
        case ["[secrets]"]:
            sys.stderr.write("fatal: token sk-ant-very-secret was refused\n")
            sys.exit(3)
        case ["[signed-out]"]:
            fails("Not logged in · Please run /login", "authentication_failed")
        case ["[limit]"]:
            info = {"status": "rejected", "resetsAt": int(time.time()) + 3600, "rateLimitType": "five_hour"}
            say(type="rate_limit_event", rate_limit_info=info)
            fails("You've hit your limit · resets 5pm", "rate_limit")
        case ["[overflow]"]:
            fails("Prompt is too long", "invalid_request", 400, "invalid_request_error")
        case ["[silent]"]:
            sys.exit(0)
        case ["[broken]"]:
            sys.stdout.write('{"type":"stream_event","event":{\n')
            sys.stdout.flush()
        case ["[huge]"]:
            sys.stdout.write("x" * (17 * 1024 * 1024))
            sys.stdout.flush()
        case _:
            return False
    return True


def answer(text: str) -> None:
    if plays(text):
        return
    if "[garbage]" in text:
        sys.stdout.write("(node:1) Warning: something\n\n")
    if "[stubborn]" in text:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
        log(child=child.pid)
    begin()
    block(0, "you said " + text[:100])
    if "[midway]" in text:
        os._exit(4)
    while "[hang]" in text or "[stubborn]" in text:
        time.sleep(60)
    end()
    result("you said " + text[:100])


def main() -> None:
    log(arguments=sys.argv[1:], environment=dict(os.environ), pid=os.getpid(), directory=os.getcwd())
    if sys.argv[1:3] == ["auth", "status"]:
        sys.exit(1 if "FAKE_SIGNED_OUT" in os.environ else 0)
    if any(word.startswith("--resume=") for word in sys.argv) and "FAKE_FORGETS" in os.environ:
        sys.stderr.write("No conversation found with session ID: x\n")
        sys.exit(1)
    for raw in sys.stdin:
        line = json.loads(raw)
        log(line=line)
        if line["type"] == "control_request":
            say(type="control_response", response={"subtype": "success", "request_id": line["request_id"]})
        elif line["type"] == "user" and line.get("shouldQuery") is False:
            result(num_turns=0)
        elif line["type"] == "user":
            say(type="system", subtype="init", session_id="s")
            answer(" ".join(block["text"] for block in line["message"]["content"] if block["type"] == "text"))


if __name__ == "__main__":
    main()
