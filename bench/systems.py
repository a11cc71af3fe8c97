"""The systems that are measured side by side: where each comes from, how it is told to stand before the upstream.

    direct        nothing in between: what the upstream and the load generator take themselves
    ours          the gateway, with its default line, a key, limits, books and a log
    bare          the same line without keys, limits and books
    nginx, haproxy                               proxies in C that translate nothing: the floor
    litellm, claude-code-router, portkey, claude-proxy         what people use today

Those of other people are installed on demand, each into a place of its own below ``.peers`` (``--install``), from its
registry.  What can't be installed or does not start is skipped, with the reason.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import attrs

from bench.programs import ROOT, Program, free_port, listening, started

PEERS = ROOT / ".peers"
PROTOCOLS = ("anthropic", "chat", "responses")
SAME = frozenset((name, name) for name in PROTOCOLS)
EVERY = frozenset((asks, answers) for asks in PROTOCOLS for answers in PROTOCOLS)
KEY = "sk-bench-of-our-own"

Commands = tuple[tuple[str, ...], ...]
Start = Callable[[Program, str, Path], AbstractContextManager[Program]]  # upstream, what it speaks, a folder to use


@attrs.frozen(eq=False)
class System:
    """One of them."""

    name: str
    pairs: frozenset[tuple[str, str]]  # what the client and the upstream may speak
    start: Start
    install: Commands = ()  # run in its place
    needs: str = ""  # a program, or a file in its place, without which it can't be started
    fields: Callable[[Program], str] = lambda _: ""  # more of the request's head

    @property
    def place(self) -> Path:
        """Where it is installed."""
        return PEERS / self.name

    @property
    def missing(self) -> str:
        """Why it can't be measured here; "" if it can."""
        if not self.needs or shutil.which(self.needs) or (self.place / self.needs).exists():
            return ""
        return f"{self.needs} is not installed" + (f": python -m bench --install {self.name}" if self.install else "")


# -- ours -------------------------------------------------------------------------------------------------------------

EVERYTHING = f"""
[auth]
keys = [{{ name = "bench", key = "{KEY}" }}]
[limits]
limits = [
    {{ kind = "usd_5h", limit = 1_000_000_000_000 }},
    {{ kind = "usd_week", limit = 1_000_000_000_000 }},
    {{ kind = "requests_minute", limit = 1_000_000_000 }},
    {{ kind = "tokens_minute", limit = 1_000_000_000_000 }},
]
unpriced = "pass"
"""


def ours(*, top: str = "", more: str = EVERYTHING, workers: int = 1) -> Start:
    """The gateway, with *more* in its configuration; log lines go to a file."""

    def start(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
        config = folder / "pipeline.toml"
        config.write_text(
            f"{top}\n[server]\nport = 0\n{f'workers = {workers}' if workers > 1 else ''}\n"
            f'[log]\nformat = "json"\nfile = "{folder / "log"}"\n[store]\nfile = "{folder / "books.db"}"\n'
            f'[upstreams.up]\ndialect = "{answers}"\nurl = "http://127.0.0.1:{upstream.port}"\nkey = "bench"\n{more}'
        )
        return started("ours", [sys.executable, "-m", "pipeline", "--config", str(config)])

    return start


# -- proxies ----------------------------------------------------------------------------------------------------------


def nginx(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
    """One worker, connections kept on both sides, nothing held back."""
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder / 'pid'}; error_log stderr crit;\n"
        "events { worker_connections 16384; }\n"
        f"http {{ access_log off; client_body_temp_path {folder / 'body'}; proxy_temp_path {folder / 'temp'};\n"
        "client_max_body_size 64m; client_body_buffer_size 8m; keepalive_requests 1000000;\n"
        f"upstream up {{ server 127.0.0.1:{upstream.port}; keepalive 256; keepalive_requests 1000000; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://up; proxy_http_version 1.1;\n"
        'proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s; } } }\n'
    )
    return listening("nginx", ["nginx", "-c", str(config), "-p", str(folder)], port)


def haproxy(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
    """One thread, connections kept, no delay for events."""
    port, config = free_port(), folder / "haproxy.cfg"
    config.write_text(
        "global\n nbthread 1\n maxconn 8000\ndefaults\n mode http\n option http-no-delay\n option http-keep-alive\n"
        " timeout connect 5s\n timeout client 600s\n timeout server 600s\n"
        f"frontend f\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n http-reuse always\n"
        f" server up 127.0.0.1:{upstream.port}\n"
    )
    return listening("haproxy", ["haproxy", "-f", str(config)], port)


# -- gateways of other people -----------------------------------------------------------------------------------------


def litellm(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
    """One process, no database, no master key, errors only."""
    port, config = free_port(), folder / "litellm.json"
    told = {"model": "hosted_vllm/gpt-test", "api_base": f"http://127.0.0.1:{upstream.port}/v1", "api_key": "bench"}
    names = ("claude-opus-4-5", "gpt-test")
    config.write_text(json.dumps({"model_list": [{"model_name": name, "litellm_params": told} for name in names]}))
    environment = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }  # on loopback, for minutes
    command = [str(PEERS / "litellm/bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    return listening("litellm", command, port, environment, seconds=120)


def claude_code_router(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
    """One provider, one model, no log."""
    port = free_port()
    (folder / ".claude-code-router").mkdir()
    url = f"http://127.0.0.1:{upstream.port}/v1/chat/completions"
    provider = {"name": "up", "api_base_url": url, "api_key": "bench", "models": ["gpt-test"]}
    told = {
        "PORT": port,
        "HOST": "127.0.0.1",
        "LOG": False,
        "Providers": [provider],
        "Router": {"default": "up,gpt-test"},
    }
    (folder / ".claude-code-router/config.json").write_text(json.dumps(told))
    command = [str(PEERS / "claude-code-router/node_modules/.bin/ccr"), "start"]
    return listening("claude-code-router", command, port, {"HOME": str(folder)}, seconds=30)


def portkey(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
    """As it comes, without its console."""
    port = free_port()
    command = ["node", str(PEERS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js")]
    return listening(
        "portkey", [*command, f"--port={port}", "--headless"], port, {"NODE_ENV": "production"}, seconds=30
    )


def portkey_fields(upstream: Program) -> str:
    """Where Portkey is to send a request stands in the request."""
    return f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{upstream.port}/v1\r\n"


def claude_proxy(upstream: Program, answers: str, folder: Path) -> AbstractContextManager[Program]:
    """One process with a key of its own for the upstream."""
    port = free_port()
    environment = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1", "OPENAI_API_KEY": "sk-bench",
        "CLAUDE_PROXY_BIG_MODEL": "gpt-test", "CLAUDE_PROXY_SMALL_MODEL": "gpt-test",
        "CLAUDE_PROXY_HOST": "127.0.0.1", "CLAUDE_PROXY_PORT": str(port), "CLAUDE_PROXY_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    return listening("claude-proxy", [str(PEERS / "claude-proxy/bin/claude-proxy")], port, environment, seconds=30)


@contextmanager
def direct(upstream: Program, answers: str, folder: Path) -> Iterator[Program]:
    """The upstream itself."""
    with nullcontext(upstream) as program:
        yield program


def pip(package: str) -> Commands:
    """Commands that install a package from its registry, in a place of its own."""
    return ((sys.executable, "-m", "venv", "."), ("bin/pip", "install", "--quiet", package))


def npm(package: str, *pins: str) -> Commands:
    """The same with npm.  *pins* are what its own dependencies are held at, as ``name=version``."""
    pinned = [("npm", "pkg", "set", f"overrides.{pin}") for pin in pins]
    return (("npm", "init", "--yes", "--silent"), *pinned, ("npm", "install", "--silent", "--prefix", ".", package))


CHAT_UP = frozenset({("anthropic", "chat"), ("chat", "chat")})
BEHIND = frozenset({("anthropic", "chat")})

SYSTEMS = (
    System("direct", SAME, direct),
    System("ours", EVERY, ours()),
    System("bare", EVERY, ours(top='without = ["auth", "limits", "meter"]', more="")),
    System("nginx", SAME, nginx, needs="nginx"),
    System("haproxy", SAME, haproxy, needs="haproxy"),
    System("litellm", CHAT_UP, litellm, pip("litellm[proxy]>=1.106"), "bin/litellm"),
    System(
        "claude-code-router", BEHIND, claude_code_router, npm("@musistudio/claude-code-router"), "node_modules/.bin/ccr"
    ),
    System(
        "portkey",
        frozenset({("chat", "chat")}),
        portkey,
        # 1.15 appends to an upstream's own fields, which later servers no longer allow: it answers streams with 500.
        npm("@portkey-ai/gateway", "@hono/node-server=1.13.8"),
        "node_modules",
        portkey_fields,
    ),
    System("claude-proxy", BEHIND, claude_proxy, pip("claude-proxy"), "bin/claude-proxy"),
)


def install(place: Path, commands: Commands) -> None:
    """Run *commands* in *place*.  Raises CalledProcessError."""
    place.mkdir(parents=True, exist_ok=True)
    for command in commands:
        subprocess.run(command, cwd=place, check=True, env=os.environ)
