"""Announcing: what a gateway says when it listens, to the person who started it."""

from collections.abc import Iterator

from pipeline import __version__, door
from pipeline.arrange import names
from pipeline.naming import load
from pipeline.serving import Running


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
        *built.config.layers.remarks,
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
