"""The foreground: a gateway under the signals of whoever started it.

    SIGTERM, SIGINT     once: drain · twice: at once · three times: whatever happens

What it says when it listens goes to stdout, and to whoever waits for it (``Told``).
"""

import signal
import sys
from collections.abc import Callable, Iterator

import click
import trio

from pipeline import __version__, door
from pipeline.arrange import names
from pipeline.config import Config
from pipeline.flags import Flags, configuration, refuse, told
from pipeline.log import logs
from pipeline.naming import load
from pipeline.notify import notify
from pipeline.serving import Running, serve

Told = Callable[[Running, str], None]  # what runs, and what is said of it


def printed(running: Running, text: str) -> None:
    """Say *text* on stdout."""
    click.echo(text)
    sys.stdout.flush()


def run(flags: Flags, say: Told = printed) -> None:
    """Serve as *flags* say, until it has drained; *say* is called when it listens."""
    with told():
        config = configuration(flags)
        try:
            with logs(config.log):
                trio.run(live, config, say)
        except OSError as error:
            if config.log.file is None or error.filename != str(config.log.file):
                raise
            refuse([f"{config.layers.label(('log', 'file'))}: {config.log.file}: {error.strerror}"])


async def live(config: Config, say: Told) -> None:
    """Serve until signals, or an error, end it."""
    running: Running | None = None
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                times = 0
                async for _ in signals:
                    times += 1
                    if running is None or times > 2:
                        nursery.cancel_scope.cancel()
                    else:
                        notify("STOPPING=1")
                        running.drain.begin(config.server.drain if times == 1 else 0)

            async def through(task_status: trio.TaskStatus[Running]) -> None:
                await serve(config, task_status=task_status)
                nursery.cancel_scope.cancel()

            nursery.start_soon(obey)
            running = await nursery.start(through)
            say(running, announcement(running))
            notify("READY=1")


def announcement(running: Running) -> str:
    """Where it is, who answers, what stands between, and what to paste."""
    built = running.built
    attempt = f"[ {' → '.join(names(built.order.attempt))} ]"
    line = [*names(built.order.stages), *([attempt] if built.order.attempt else ()), built.order.source.name]
    where = [f"{each.name} ({each.dialect.NAME}, {each.origin}{each.base})" for each in running.upstreams]
    key = "YOUR-KEY" if getattr(dict(built.line.stages).get("auth"), "keys", ()) else "any"
    place = door.told(built.config)
    said = [
        f"pipeline {__version__} listens on {' and '.join(running.urls)}",
        f"upstreams  {', '.join(where)}",
        f"line       {' → '.join(line)}, back through {built.order.sink.name}",
        *(
            [f"key        {place}: one of the upstreams runs under your login, so that nobody else may ask it"]
            if place
            else ()
        ),
        *admitting(running),
        "",
        load("stages.clients:paste")(running.urls[0], key=key, model=built.config.example_model),
        "",
    ]
    return "\n".join(said)


def admitting(running: Running) -> Iterator[str]:
    """Where the admin is; and, once, how the first account is made."""
    url = f"{running.urls[0]}/admin/"
    if not running.built.config.admin.enabled:
        return
    if running.invitation:
        yield f"admin      {url}  nobody has an account yet; the page asks for this, once: {running.invitation}"
    else:
        yield f"admin      {url}"
