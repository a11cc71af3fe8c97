"""Replay: send a captured request through the pipeline again, and see what each stage does to it.

    python -m pipeline replay req_1234                        against what the upstream said then: costs nothing
    python -m pipeline replay req_1234 --config new.toml --diff
    python -m pipeline replay req_1234 --live                 asks the upstream again
    python -m pipeline replay req_1234 --export case.json     a fixture, which can be replayed like its original

Exit code 1 where the outcome differs: what is sent, or what the client is told (if it read that to its end).  Live,
words may differ.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import trio

from pipeline.effects import Effect
from pipeline.explain import count
from pipeline.flags import Flags, configuration, merged, options, refuse, told
from pipeline.journal import LEFT
from pipeline.loading import Built, build
from pipeline.log import logs
from pipeline.naming import load
from pipeline.observe.archive import Absent, folder_of, found, written
from pipeline.observe.captured import Captured, Who, cleaned, encoded
from pipeline.observe.comparing import answered, difference, loose, sent
from pipeline.observe.replaying import NotWhole, Replayed, replay
from pipeline.serving import store_of


@click.command("replay")
@click.argument("name", metavar="ID")
@click.option("--diff", is_flag=True, help="Show what each stage changed of the prompt.")
@click.option("--live", is_flag=True, help="Ask the upstream again; may cost something.")
@click.option("--export", type=click.Path(path_type=Path), help="Write a fixture to this file instead.")
@options
@click.pass_obj
def command(before: Flags, /, name: str, diff: bool, live: bool, export: Path | None, **flags: Any) -> None:
    """Send the captured request ID (or a file of one) through the pipeline again."""
    with told():
        config = configuration(merged(before, flags))
        try:
            captured = found(folder_of(config.capture), name)
            if export is not None:
                written(export, fixture(captured))
                return
            built = build(config)
            with logs(config.log):
                replayed = trio.run(again, captured, built, live)
        except (Absent, NotWhole) as error:
            refuse([str(error)])
        except OSError as error:
            refuse([f"{error.filename}: {error.strerror}"])
    differs = compared(captured, replayed, built.dialects[captured.dialect], live=live)
    click.echo("\n".join([*head(captured, replayed), *stages(replayed, diff=diff), *outcome(differs)]))
    sys.exit(1 if any(differs.values()) else 0)


async def again(captured: Captured, built: Built, live: bool) -> Replayed:
    """What comes of *captured* now; the store is opened only for what upstreams are shown.  Raises ConfigError."""
    if not live:
        return await replay(captured, built)
    async with store_of(built.config) as store:
        return await replay(captured, built, live=True, store=store)


def fixture(captured: Captured) -> bytes:
    """*captured* as it may be shown to others: nobody's, and without secrets, as they are known by now."""
    caller = Who("caller", "caller", captured.caller.options) if captured.caller else None
    captured.caller, captured.line = caller, {}
    return encoded(cleaned(captured, (), load("stages.redaction:scrubbed")))


def compared(captured: Captured, replayed: Replayed, dialect: Any, *, live: bool) -> dict[str, list[str]]:
    """How the two outcomes differ, by what differs."""
    now, answer = replayed.captured, captured.answer
    differs = {"sent": difference(sent(captured), sent(now))}
    if not answer.body.cut and answer.error != LEFT:  # else there is no whole one to compare with
        then_told, now_told = (answered(each, dialect, words=not live) for each in (captured, now))
        differs["told"] = difference(then_told, now_told)
    return differs


# -- what is printed --------------------------------------------------------------------------------------------------


def head(captured: Captured, replayed: Replayed) -> Iterator[str]:
    """Whose request it is."""
    who = captured.caller.name if captured.caller else "nobody"
    asked = captured.line.get("asked") or ""
    yield f"{captured.id}  {captured.request.method} {captured.request.target}  {asked}  as {who}".replace("    ", "  ")
    if replayed.left_out:
        yield f"left out: {', '.join(replayed.left_out)}"


def stages(replayed: Replayed, *, diff: bool) -> Iterator[str]:
    """What each stage did, in the order they were called."""
    edits = {effect["stage"]: effect["edits"] for effect in replayed.captured.line["effects"]}
    yield ""
    for effect in replayed.effects.stages:
        yield row(effect)
        yield from (f"    {each['action']} {each['path']}: {each['why']}" for each in edits.pop(effect.stage, ()))
        if diff and effect.before != effect.after:
            lines = difference(loose(effect.before or b""), loose(effect.after or b""))
            yield from (f"    {line}" for line in lines)


def row(effect: Effect) -> str:
    """Name, times and events of one stage."""
    seen = f"{count(effect.events, 'event')}, {effect.changed} changed, {effect.down * 1e6:.0f} µs"
    return f"{effect.stage:20} {effect.up * 1e6:7.0f} µs up   {seen if effect.events else ''}".rstrip()


def outcome(differs: dict[str, list[str]]) -> Iterator[str]:
    """Whether it came out the same."""
    yield ""
    for what, lines in differs.items():
        yield f"{what}: {'differs' if lines else 'the same'}"
        yield from (f"    {line}" for line in lines)
