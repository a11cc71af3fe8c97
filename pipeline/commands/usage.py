"""Usage: what was used, as a table, JSON or CSV; every request as a file; and costs put right.

    pipeline usage [--by day|key|model|upstream|session|agent] [--from DAY] [--to DAY] [--key K] [--model M]
    pipeline usage export --format csv|jsonl [-o FILE]           every request
    pipeline usage rerate --from DAY --to DAY [--apply]          costs, by the prices that hold now
    pipeline usage remove --before DAY                           requests; sums stay

Reads the store itself, whether or not a gateway runs.  Days are UTC, and both ends count.  Exit code 1: nobody knows
the key, so that "nothing was used" is never the answer to a slip of the pen.
"""

import csv
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import click

from pipeline.admin import audit
from pipeline.admin.refusal import Refused
from pipeline.admin.text import normal
from pipeline.admin.usage import configured
from pipeline.commands.books import fail
from pipeline.config import Config
from pipeline.explain import count
from pipeline.flags import Flags, configuration, merged, options, refuse, told
from pipeline.loading import Built, build
from pipeline.naming import load
from pipeline.store import export, prices, requests
from pipeline.store.book import DAY
from pipeline.store.database import Backend, Database, looking, within
from pipeline.store.opening import StoreFailed
from pipeline.store.record import CLASSES
from pipeline.store.usage import (
    MOST_ROWS,
    Filter,
    Group,
    Span,
    Totals,
    buckets,
    grouped,
    key_names,
    known,
    totals,
    within_sessions,
)
from pipeline.store.visiting import visited

BY = ("day", "key", "model", "upstream", "session", "agent")
SHOWN = 3  # models in a row
DAYS = 30  # that are shown unless something else is said
WITHIN = ("session", "agent")
COLUMNS = ("requests", "input", "cache read", "cache write", "output", "total", "cost")

day = click.DateTime(["%Y-%m-%d"])


@attrs.frozen
class Line:
    """One row: what it is of, the models in it, and their sums; a name that is none: what belongs to no other row."""

    name: str | None
    models: tuple[str, ...]
    totals: Totals


def span(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which requests."""
    for option in (
        click.option("--model", help="Only this model."),
        click.option("--key", help="Only this key, by its name or id."),
        click.option("--to", "last", type=day, help="Last day (today)."),
        click.option("--from", "first", type=day, help=f"First day ({DAYS} days ago)."),
    ):
        command = option(command)
    return command


@click.group("usage", invoke_without_command=True)
@options
@span
@click.option("--by", type=click.Choice(BY), default="day", show_default=True)
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.option("--csv", "form", flag_value="csv", help="As CSV.")
@click.pass_context
def usage(context: click.Context, /, by: str, form: str | None, **flags: Any) -> None:
    """Show what was used, and what it cost."""
    asked = {name: flags.pop(name) for name in ("first", "last", "key", "model")}
    context.obj = merged(context.obj, flags)
    if context.invoked_subcommand is not None:
        return
    with opened(context.obj) as (backend, config):
        names = configured(line(config)) if by == "key" or asked["key"] is not None else {}
        lines, whole = looking(backend, partial(used, by=by, names=names, **asked))
    click.echo({"json": as_json, "csv": as_csv, None: as_table}[form](by, lines, whole), nl=False)


@usage.command("export")
@options
@span
@click.option("--format", "form", type=click.Choice(export.FORMATS), default="csv", show_default=True)
@click.option("-o", "--output", type=click.File("wb"), default="-", help="A file, in place of the terminal.")
@click.pass_obj
def export_command(before: Flags, /, form: str, output: Any, **flags: Any) -> None:
    """Write every request."""
    asked = {name: flags.pop(name) for name in ("first", "last", "key", "model")}
    with opened(merged(before, flags)) as (backend, config):
        ours = configured(line(config)) if asked["key"] is not None else {}
        names, only = looking(backend, lambda db: (key_names(db), fitting(db, asked["key"], asked["model"], ours)))
        output.write(export.head(form))
        position: requests.Position | None = (0, "")
        while position is not None:
            found, position = looking(backend, partial(requests.batch, span=days(asked), only=only, after=position))
            output.write(export.lines(form, found, names))


@usage.command()
@options
@click.option("--from", "first", type=day, required=True, help="First day.")
@click.option("--to", "last", type=day, required=True, help="Last day.")
@click.option("--model", help="Only this model, or glob.")
@click.option("--apply", is_flag=True, help="Write it; otherwise only look.")
@click.pass_obj
def rerate(before: Flags, /, first: datetime, last: datetime, model: str | None, apply: bool, **flags: Any) -> None:
    """Show what requests would cost by the prices that hold now; with --apply, let them."""
    with opened(merged(before, flags)) as (backend, config):
        rows, file = looking(backend, prices.listed), own_prices(config)
        span = there(looking(backend, requests.extent), days({"first": first, "last": last}))
        one, parts = (
            load(f"stages.prices.rerating:{'apply' if apply else 'rerate'}"),
            load("stages.prices.rerating:days"),
        )
        done = load("stages.prices.rerating:Rerated")()
        for part in parts(span):
            work = partial(one, rows=rows, span=part, model=model, file=file)
            done += within(backend, work) if apply else looking(backend, work)
        if apply:
            noted(backend, "price.rerate", model or "*", {"from": moment(first), "to": moment(last) + DAY})
    click.echo(rerated(done), nl=False)


@usage.command()
@options
@click.option("--before", "edge", type=day, required=True, help="The first day that stays.")
@click.pass_obj
def remove(before: Flags, /, edge: datetime, **flags: Any) -> None:
    """Remove requests that are older; their sums stay."""
    with opened(merged(before, flags)) as (backend, _):
        removed = [within(backend, partial(requests.remove, before=moment(edge)))]
        while removed[-1] == requests.PART:
            removed.append(within(backend, partial(requests.remove, before=moment(edge))))
        noted(backend, "usage.remove", "", {"before": moment(edge), "removed": sum(removed)})
    click.echo(f"{count(sum(removed), 'request')} removed")


@contextmanager
def opened(flags: Flags) -> Iterator[tuple[Backend, Config]]:
    """The database that is configured; what is wrong with it is told, and ends the program."""
    with told():
        config = configuration(flags)
    try:
        with visited(config.store) as backend:
            yield backend, config
    except StoreFailed as error:
        refuse([f"store: {error}"])
    except Refused as refused:
        fail(str(refused))


def noted(backend: Backend, what: str, target: str, detail: dict[str, Any]) -> None:
    """Put down in the audit *what* was done here."""
    at, who = round(time.time() * 1000), audit.operator()
    within(backend, lambda db: audit.note(db, at, who, what, target, detail))


def own_prices(config: Config) -> Path | None:
    """The operator's own file of prices, as the stage that bills has it."""
    file: Path | None = getattr(dict(line(config).line.stages).get("meter"), "prices", None)
    return file


def line(config: Config) -> Built:
    """What *config* describes; what is wrong with it is told, and ends the program."""
    with told():
        return build(config)


# -- what is asked ----------------------------------------------------------------------------------------------------


def days(asked: dict[str, Any]) -> Span:
    """From the first day to the last one, both whole."""
    today = datetime.now(UTC).replace(tzinfo=None)
    last = asked["last"] or today
    first = asked["first"] or min(last, today) - timedelta(days=DAYS - 1)
    if first.date() > last.date():
        raise click.UsageError(f"--from {first.date()} is after --to {last.date()}")
    return Span.between(moment(first), moment(last) + DAY, DAY)


def there(extent: tuple[int, int], span: Span) -> Span:
    """What of *span* is within *extent*, the first and the last moment of any request; at least a part of a day."""
    begin = max(span.begin, extent[0])
    return attrs.evolve(span, begin=begin, end=max(begin, min(span.end, extent[1] + 1)))


def moment(day: datetime) -> int:
    """The beginning of *day*, UTC, in ms."""
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def fitting(db: Database, key: str | None, model: str | None, names: Mapping[str, str]) -> Filter:
    """What is asked for; *names*: of the keys of the configuration, by id.  Raises Refused for a key nobody knows."""
    if model is not None and not known(db, "model", model):
        click.echo(f"no request in the books was for a model called {model}", err=True)
    return Filter(key=None if key is None else meant(db, key, names), model=model)


def meant(db: Database, key: str, names: Mapping[str, str]) -> str:
    """The id of the key that is called *key*: its id, also of one that is gone, or its name.  Raises Refused."""
    there, key = {**names, **key_names(db)}, normal(key)
    if key in there or known(db, "key", key):
        return key
    found = [one for one, name in there.items() if name == key]
    if not found:
        raise Refused(404, "not_found", f"there is no key called {key}")
    if len(found) > 1:
        raise Refused(404, "not_found", f"there are several keys called {key}: say one of {', '.join(found)}")
    return found[0]


def used(
    db: Database,
    by: str,
    first: datetime | None,
    last: datetime | None,
    key: str | None,
    model: str | None,
    names: Mapping[str, str],
) -> tuple[list[Line], Totals]:
    """The lines of the table, and the sums of all; *names* of keys that the store does not know, by id."""
    whole, only = days({"first": first, "last": last}), fitting(db, key, model, names)
    if by == "day":
        lines = [
            Line(date_of(at), models(db, Span(at, at + DAY, DAY), only), sums) for at, sums in buckets(db, whole, only)
        ]
    else:
        groups = within_sessions(db, whole, by, only) if by in WITHIN else grouped(db, whole, by, only)
        shown = called(groups, names if by == "key" else {})
        lines = [Line(name, (), group.totals) for name, group in zip(shown, groups, strict=True)]
    sums = totals(db, whole, only)
    rest = sums - sum((line.totals for line in lines), Totals())
    return [*lines, *([Line(None, (), rest)] if rest.requests else [])], sums


def called(groups: Sequence[Group], names: Mapping[str, str]) -> list[str]:
    """What people call *groups*; of several with one name, which keys may be, each with its id."""
    found = [names.get(group.id, group.name) for group in groups]
    often = Counter(found)
    return [f"{name} ({group.id})" if often[name] > 1 else name for name, group in zip(found, groups, strict=True)]


def models(db: Database, span: Span, only: Filter) -> tuple[str, ...]:
    """Those that were asked in *span*, the dearest first."""
    return tuple(group.name for group in grouped(db, span, "model", only))


def date_of(at: int) -> str:
    """The day of *at*, in ms."""
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


# -- how it is shown --------------------------------------------------------------------------------------------------


def as_json(by: str, lines: Sequence[Line], whole: Totals) -> str:
    """An object of rows and totals; costs in micro-dollars."""
    rows = [{by: line.name, "models": line.models, **line.totals.told()} for line in lines]
    return json.dumps({"rows": rows, "totals": whole.told()}, indent=2) + "\n"


def as_csv(by: str, lines: Sequence[Line], whole: Totals) -> str:
    """A row each; whoever reads it does the sums."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([by, "models", "requests", *CLASSES, "total", "cost_usd"])
    for name, line in zip(named(by, lines), lines, strict=True):
        counts = [getattr(line.totals, name) for name in CLASSES]
        cost = export.dollars(line.totals.cost)
        names = [export.cell(text) for text in (name, " ".join(line.models))]
        rows.writerow([*names, line.totals.requests, *counts, line.totals.tokens, cost])
    return text.getvalue()


def as_table(by: str, lines: Sequence[Line], whole: Totals) -> str:
    """For people."""
    if not lines:
        return "nothing was used\n"
    models = by == "day"
    head = [by, *(["models"] if models else []), *COLUMNS]
    rows = [
        [name, *([some(line.models)] if models else []), *cells(line.totals)]
        for name, line in zip(named(by, lines), lines, strict=True)
    ]
    rows.append(["total", *([""] if models else []), *cells(whole)])
    return aligned(head, rows, left=2 if models else 1) + missing(whole.unpriced)


def named(by: str, lines: Sequence[Line]) -> list[str]:
    """What *lines* are called, also those whose name says nothing."""
    rest = "all others" if len(lines) > MOST_ROWS else "no session"
    none = "main agent" if by == "agent" else "none"
    return [rest if line.name is None else line.name or none for line in lines]


def missing(unpriced: int) -> str:
    """What the total does not contain."""
    has, its = ("has", "its") if unpriced == 1 else ("have", "their")
    return f"{count(unpriced, 'request')} {has} no known price: {its} cost is not in it\n" if unpriced else ""


def some(names: Sequence[str]) -> str:
    """The first of *names*, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def rerated(done: Any) -> str:
    """What costs were, and are."""
    rows = [
        [model, f"{number:,}", *map(money, (before, after, after - before))]
        for model, number, before, after in done.rows
    ]
    whole = ["total", f"{done.requests:,}", *map(money, (done.before, done.after, done.after - done.before))]
    return aligned(["model", "requests", "before", "after", "difference"], [*rows, whole], left=1)


def cells(sums: Totals) -> list[str]:
    """What is shown of *sums*, in the order of COLUMNS."""
    written = sums.cache_write_5m + sums.cache_write_1h
    counts = (sums.requests, sums.input, sums.cache_read, written, sums.output + sums.reasoning, sums.tokens)
    return [*(f"{each:,}" for each in counts), money(sums.cost)]


def money(micros: int) -> str:
    """Dollars, to the hundredth of a cent."""
    return f"{'-' if micros < 0 else ''}${abs(micros) / 1e6:,.4f}"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A table; the first *left* columns are text, the others figures."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = (
        "  ".join(f"{cell:{'<' if n < left else '>'}{widths[n]}}" for n, cell in enumerate(row)).rstrip()
        for row in (head, *rows)
    )
    return "\n".join(lines) + "\n"
