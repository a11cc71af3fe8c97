"""How well tokens are counted here, and what it costs.  ``python -m bench.counting``

    vocabulary   texts of several kinds, made on the spot        against gpt-tokenizer, run by node
    requests     Chat requests with tools                        against gpt-tokenizer's count of the same
    learning     counts, then replies of the simulated model     against the usage it reports, before and after
    cost         memory, time of a first, a new and a repeated count, the longest stall of the gateway meanwhile

The first two need ``npm``; they are left out where there is none.  Errors are relative; the last column says how many
texts or requests a row is made of.
"""

import json
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import attrs
import click

from bench.programs import ROOT, Program, gateway, simulated
from bench.requests import chat, messages
from pipeline.prompt import Prompt
from stages.tokens.scales import added, scale_of
from stages.tokens.tokenizer import count
from stages.tokens.units import members, units
from stages.tokens.weigh import weigh

ORACLE = "gpt-tokenizer@4.0.0"
MODEL = "gpt-4o"
COUNT = "/v1/messages/count_tokens"
SCRIPT = """
const { encode, countChatCompletionTokens } = require("gpt-tokenizer/model/gpt-4o");
const { texts, requests } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const plain = { disallowedSpecial: new Set() };
console.log(JSON.stringify([texts.map(t => encode(t, plain).length), requests.map(r => countChatCompletionTokens(r))]));
"""


def show(*cells: str) -> None:
    """One row of the table."""
    click.echo("| " + " | ".join(cells) + " |")


def told(errors: Sequence[float]) -> tuple[str, str]:
    """Mean and greatest error."""
    return f"{sum(errors) / len(errors):.2%}", f"{max(errors):.2%}"


# -- against gpt-tokenizer --------------------------------------------------------------------------------------------


def corpus() -> dict[str, list[str]]:
    """Texts by kind: of this repository, and thrown together."""
    dice = random.Random(7)  # noqa: S311  # the same texts each time
    code = [file.read_text() for file in sorted((ROOT / "stages").rglob("*.py"))]
    prose = (ROOT / "README.md").read_text().split("\n## ")
    scripts = {
        "Chinese": (0x4E00, 0x5E00),
        "Cyrillic": (0x410, 0x44F),
        "Arabic": (0x621, 0x64A),
        "emoji": (0x1F600, 0x1F64F),
    }
    mixed = [
        " ".join("".join(chr(dice.randint(low, high)) for _ in range(dice.randint(1, 8))) for _ in range(300))
        for low, high in scripts.values()
        for _ in range(5)
    ]
    hostile = [" " * 100_000, "a" * 100_000, "\n" * 100_000, "1234567890" * 10_000, "a  " * 30_000, "'s" * 30_000]
    return {
        "prose (README)": prose,
        "code (stages/)": code,
        "JSON (requests)": [json.dumps(messages("x", size, stream=True)) for size in (1000, 20_000, 60_000)],
        "other scripts": mixed,
        "hostile": hostile,
    }


def requests() -> list[dict[str, Any]]:
    """Chat requests as gpt-tokenizer reads them: texts, and tools as functions."""
    found = []
    for size in (500, 5_000, 20_000, 50_000, 100_000):
        _, body = chat("What now?", size, stream=False)
        for message in body["messages"]:
            message.pop("tool_calls", None)
            message.pop("tool_call_id", None)
            message["role"] = {"tool": "user"}.get(message["role"], message["role"])
        found.append({"messages": [m for m in body["messages"] if m["content"]]})
        if "tools" in body:
            found[-1]["functions"] = [tool["function"] for tool in body["tools"]]
    return found


def oracle(folder: Path, texts: list[str], asked: list[dict[str, Any]]) -> tuple[list[int], list[int]]:
    """What gpt-tokenizer says."""
    install = ["npm", "install", "--no-fund", "--no-audit", "--silent", "--prefix", str(folder), ORACLE]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    given = json.dumps({"texts": texts, "requests": asked})
    done = subprocess.run(
        ["node", "-e", SCRIPT], cwd=folder, input=given, capture_output=True, check=True, text=True, timeout=300
    )
    of_texts, of_requests = json.loads(done.stdout)
    return of_texts, of_requests


def ours(body: dict[str, Any]) -> int:
    """What is counted here, of a request for MODEL, without any calibration."""
    prompt, scale = Prompt.parse("chat", json.dumps({"model": MODEL, **body}).encode()), scale_of(MODEL)
    cut = units(members(prompt))
    weights = weigh([(unit.kind, unit.raw) for unit in cut], count)
    held = added((unit.kind, weight) for unit, weight in zip(cut, weights, strict=True))
    return round(held.spoken(scale) * scale.factor) + held.fixed(scale)


def exactness(folder: Path) -> None:
    """The rows against gpt-tokenizer."""
    kinds, asked = corpus(), requests()
    texts = [text for some in kinds.values() for text in some]
    of_texts, of_requests = oracle(folder, texts, asked)
    count(["load"])
    began = time.perf_counter()
    counted = count(texts)
    took = time.perf_counter() - began
    at = 0
    for kind, some in kinds.items():
        errors = [abs(a - b) / max(b, 1) for a, b in zip(counted[at:], of_texts[at : at + len(some)], strict=False)]
        show("vocabulary", kind, *told(errors), str(len(some)))
        at += len(some)
    size = sum(len(text.encode()) for text in texts)
    show("vocabulary", "speed", f"{size / took / 1e6:.0f} MB/s", "", f"{size / 1e6:.1f} MB")
    errors = [abs(ours(body) - told) / told for body, told in zip(asked, of_requests, strict=True)]
    show("requests", "texts and tools", *told(errors), str(len(errors)))


# -- through the gateway ----------------------------------------------------------------------------------------------


@attrs.frozen
class Through:
    """A gateway that is asked in Messages and answers from a Chat upstream, which can't count."""

    gateway: Program

    def post(self, path: str, body: bytes) -> tuple[dict[str, Any], str]:
        """The answer to *body*, and how it was counted."""
        fields = {"content-type": "application/json", "x-api-key": "bench", "anthropic-version": "2023-06-01"}
        request = Request(f"http://127.0.0.1:{self.gateway.port}{path}", body, fields)
        with urlopen(request, timeout=60) as response:  # noqa: S310  # our own
            return json.load(response), response.headers.get("x-pipeline-count", "")

    def count(self, body: dict[str, Any]) -> tuple[int, str]:
        """The tokens of *body*, and how they were counted."""
        answer, how = self.post(COUNT, encoded(body))
        return answer["input_tokens"], how

    def reply(self, body: dict[str, Any]) -> int:
        """The input tokens that a reply to *body* reports."""
        usage = self.post("/v1/messages", json.dumps(body).encode())[0]["usage"]
        return int(sum(usage.get(kind) or 0 for kind in INPUT))


def encoded(body: dict[str, Any]) -> bytes:
    """*body* as a count takes it."""
    return json.dumps({key: value for key, value in body.items() if key not in ("max_tokens", "stream")}).encode()


SAID = ("prose (README)", "code (stages/)")
INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def prompts(model: str, number: int, seed: int) -> Iterator[dict[str, Any]]:
    """Prompts of an agent, each another mixture of prose, code, calls and results."""
    dice = random.Random(seed)  # noqa: S311  # the same prompts each time
    # What stands in double brackets would be instructions to the simulated model.
    texts = [text.replace("[[", "[") for kind, some in corpus().items() if kind in SAID for text in some]
    for _ in range(number):
        _, body = messages("And now?", dice.choice((1_000, 8_000, 30_000)), stream=False)
        turns: list[dict[str, Any]] = []
        for turn in range(dice.randint(1, 6)):
            turns += [
                {"role": "user", "content": dice.choice(texts)},
                {"role": "assistant", "content": f"Turn {turn}."},
            ]
        body |= {"model": model, "messages": [*turns, *body["messages"]], "system": dice.choice(texts)}
        yield body


def learning(through: Through) -> None:
    """Errors before and after other replies have told their usage."""
    bodies = list(prompts("strange-1", 20, 1))
    before = [through.count(body)[0] for body in bodies]
    for body in prompts("strange-1", 12, 2):
        through.reply(body)
    time.sleep(0.5)  # what was seen is weighed beside the replies
    after, hows = zip(*(through.count(body) for body in bodies), strict=True)
    truth = [through.reply(body) for body in bodies]
    for name, counted in (("before any reply", before), ("after 12 other replies", after)):
        show("learning", name, *told([abs(a - b) / b for a, b in zip(counted, truth, strict=True)]), str(len(truth)))
    show("learning", "what the gateway says", hows[-1], "", "")


def cost(through: Through) -> None:
    """Memory and times."""
    show("cost", "gateway, idle", f"{through.gateway.rss() / 1024:.0f} MiB", "", "")
    small, bodies = messages("hi", 1000, stream=False)[1], []
    for size in (100_000, 560_000, 3_500_000):
        _, body = messages(f"hi {size}", size, stream=False)
        bodies.append(encoded(body).replace(b"def f", b"def f%d" % size))  # nothing that was seen before
    hostile = encoded({**small, "messages": [{"role": "user", "content": " " * 1_000_000}]})
    stalls: list[float] = []
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(through.gateway.port, stalls, over))
    watcher.start()
    show("cost", "first count", f"{timed(through, encoded(small)):.0f} ms", "", "1 KB")
    for sent in bodies:
        new, again = timed(through, sent), min(timed(through, sent) for _ in range(5))
        show("cost", "new / repeated", f"{new:.1f} ms", f"{again:.1f} ms", f"{len(sent) / 1000:.0f} KB")
    show("cost", "a million spaces", f"{timed(through, hostile):.1f} ms", "", "1 MB")
    over.set()
    watcher.join()
    show("cost", "longest answer of /health meanwhile", f"{max(stalls) * 1e3:.0f} ms", "", str(len(stalls)))
    show("cost", "gateway / its worker, after", *memory(through.gateway), "")


def timed(through: Through, sent: bytes) -> float:
    """Milliseconds that a count takes the client, sending included."""
    began = time.perf_counter()
    through.post(COUNT, sent)
    return (time.perf_counter() - began) * 1e3


def watch(port: int, stalls: list[float], over: threading.Event) -> None:
    """How long /health takes, again and again."""
    while not over.wait(0.002):
        began = time.perf_counter()
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as response:
            response.read()
        stalls.append(time.perf_counter() - began)


def memory(program: Program) -> tuple[str, str]:
    """Resident memory of *program* and of its child."""
    children = [
        pid for task in Path(f"/proc/{program.pid}/task").glob("*/children") for pid in task.read_text().split()
    ]
    child = attrs.evolve(program, pid=int(children[0])).rss() if children else 0
    return f"{program.rss() / 1024:.0f} MiB", f"{child / 1024:.0f} MiB"


@click.command(help=__doc__)
def main() -> None:
    """Measure and print a Markdown table."""
    show("what", "of", "mean", "greatest", "number")
    show(*["---"] * 5)
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        if shutil.which("npm") and shutil.which("node"):
            exactness(folder)
        upstream = exits.enter_context(simulated("chat"))
        through = Through(exits.enter_context(gateway(upstream, "chat", folder)))
        cost(through)
        learning(through)


if __name__ == "__main__":
    main()
