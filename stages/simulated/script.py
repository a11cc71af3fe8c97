"""Scripts: words in double square brackets that direct the simulated model.

    Please say [[think let me see]] [[call Bash {"command":"ls"}]] [[then]] [[say done]] [[wait 2]] [[cut]]

The newest user message with such words is the script; whatever else the message says does not matter.  ``[[then]]``
parts its turns: the model plays as many turns as it has answered since that message, so that a tool's result brings
the next one.  Nothing is remembered for that, the turn is counted in the conversation.  After the last turn, and
without a script, the model answers plainly.

    says       [[say TEXT]]  [[think TEXT]]  [[refuse TEXT]]  [[redacted]]  [[block]]   the next words: another block
               [[call TOOL {…}]]  [[calls TOOL {…} TOOL {…}]]  [[call-raw TOOL TEXT]]   arguments as they are, if broken
               [[echo]]                             the newest tool result, or the user's words
               [[tokens N]]  [[size BYTES]]         N deltas of a word of four bytes; deltas of 1 KiB
    silence    [[wait S]]  [[pause S every=1]]      seconds; the second with pings
               [[ping]]  [[unknown-event]]          where they stand
    ends       [[stop REASON]]                      the reason told
               [[error KIND message="…"]]           in the stream; first, if nothing was said; form=failed, event or
                                                    nested where the dialect has several (responses)
               [[cut]]  [[eof]]                     connection broken; stream ended without its last events
    instead    [[fault 429 retry-after=2 message="…" type=… code=…]]       further options are headers
               [[fault overflow]]  [[fault quota]]  prompt too long; money gone
               [[html 502]]  [[empty]]              a proxy's page; 200 without a byte
               [[hang]]  [[reset]]                  no head ever; connection closed before it
    manner     [[rate N]]  [[burst N]]  [[bytes N]] events a second; events, bytes in a write
               [[late S]]  [[crlf]]                 seconds before the head; line ends
               [[json]]  [[interleave]]             whole where a stream was asked; parallel calls mixed (not anthropic)
    counts     [[usage input=N output=N cache_read=N cache_write_5m=N cache_write_1h=N thinking=N]]

TEXT ends at ``]]``, or is a JSON string.  Words without TEXT take ``times=N``: they happen N times and are then left
out, ``[[fault 529 times=2]] [[say ok]]``.  That is remembered, for all scripts that are word for word the same;
``[[name x]]`` makes one differ.  Text with no word of this list is no script; in one that has some, a word that is not
on it is an error, so that a slip of the pen is told.  This file must not know a dialect.
"""

import hashlib
import json
import re
from collections.abc import Callable
from functools import lru_cache

import attrs

from stages.simulated import steps
from stages.simulated.steps import Step

LONGEST = 64 * 1024 * 1024  # bytes that [[size]] may ask for; [[tokens]] a quarter of it
_OPEN = re.compile(r"\[\[([a-z][a-z-]*)(?=\s|\]\])")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"(?:(?!\]\])\S)+")
_OPTION = re.compile(r"([a-z][a-z0-9_-]*)=")
_JSON = json.JSONDecoder()


class ScriptError(ValueError):
    """The script can't be read; the text says why."""


@attrs.frozen
class Script:
    """Turns of steps, and the name under which ``times`` is remembered."""

    name: str
    turns: tuple[tuple[Step, ...], ...]

    def turn(self, number: int) -> tuple[Step, ...] | None:
        """The steps of turn *number*, from 0; None after the last."""
        return self.turns[number] if number < len(self.turns) else None


@attrs.define
class _Arguments:
    """What stands behind a directive's name."""

    name: str
    words: list[str] = attrs.field(factory=list)
    options: dict[str, str] = attrs.field(factory=dict)

    def number(self, most: float = 86400.0) -> float:
        """The only word, as a number above nought (or nought itself)."""
        try:
            value = float(self.words[0])
        except (IndexError, ValueError):
            value = -1.0
        if not 0 <= value <= most:
            raise ScriptError(f"[[{self.name}]] needs a number between 0 and {most:g}")
        return value

    def first(self, default: str | None = None) -> str:
        """The first word, or *default*."""
        if self.words:
            return self.words[0]
        if default is None:
            raise ScriptError(f"[[{self.name}]] needs a word after its name")
        return default

    def option(self, name: str, default: str = "") -> str:
        """An option's value, which is then used up."""
        return self.options.pop(name, default)


Reader = Callable[[_Arguments], Step | list[Step]]


def parse(text: str) -> Script | None:
    """The script in *text*; None if there is none.  Raises ScriptError."""
    return _cached(text) if len(text) <= 4096 else _parse(text)


def _parse(text: str) -> Script | None:
    turns: list[list[Step]] = [[]]
    unknown, at, found = "", 0, _OPEN.search(text)
    while found:
        name, at = found[1], found.end()
        if name == "then":
            turns.append([])
        elif name in FREE:
            step, at = _free(name, text, at)
            turns[-1].append(step)
        elif name in PLAIN:
            read, at = _plain(name, text, at)
            turns[-1].extend(read)
        else:
            unknown = unknown or name
        found = _OPEN.search(text, at)
    if turns == [[]]:
        return None
    if unknown:
        raise ScriptError(f"there is no directive [[{unknown}]]")
    name = hashlib.blake2b(repr(turns).encode(), digest_size=8).hexdigest()  # clients add words around a script
    return Script(name, tuple(tuple(turn) for turn in turns))


_cached = lru_cache(maxsize=256)(_parse)


# -- the two grammars -------------------------------------------------------------------------------------------------


def _free(name: str, text: str, at: int) -> tuple[Step, int]:
    """A directive whose argument is text up to ``]]``, or a JSON string."""
    at = _space(text, at)
    if text.startswith('"', at):
        value, at = _json(name, text, at)
        end = _space(text, at)
        if not text.startswith("]]", end):
            raise ScriptError(f"[[{name}]]: after the quoted text ]] is missing")
        return FREE[name](str(value)), end + 2
    end = text.find("]]", at)
    if end < 0:
        raise ScriptError(f"[[{name}]] is not closed by ]]")
    return FREE[name](text[at:end].rstrip()), end + 2


def _plain(name: str, text: str, at: int) -> tuple[list[Step], int]:
    """A directive with words, JSON objects and ``key=value`` options."""
    arguments = _Arguments(name)
    while not text.startswith("]]", at := _space(text, at)):
        at = _argument(arguments, text, at)
    times = arguments.option("times")
    read = PLAIN[name](arguments)
    if arguments.options:
        raise ScriptError(f"[[{name}]] has no option {next(iter(arguments.options))!r}")
    read = read if isinstance(read, list) else [read]
    if times and not times.isdecimal():
        raise ScriptError(f"[[{name}]]: times={times} is not a number")
    return [attrs.evolve(step, times=int(times)) for step in read] if times else read, at + 2


def _argument(arguments: _Arguments, text: str, at: int) -> int:
    """Read one argument; where the next begins."""
    if option := _OPTION.match(text, at):
        value, at = _value(arguments.name, text, option.end())
        arguments.options[option[1]] = value
        return at
    value, at = _value(arguments.name, text, at)
    arguments.words.append(value)
    return at


def _value(name: str, text: str, at: int) -> tuple[str, int]:
    """A JSON string's text, a JSON object as it is written, or a word."""
    if text[at : at + 1] in ('"', "{"):
        value, end = _json(name, text, at)
        return value if isinstance(value, str) else text[at:end], end
    word = _WORD.match(text, at)
    if word is None and at == len(text):
        raise ScriptError(f"[[{name}]] is not closed by ]]")
    return (word[0], word.end()) if word else ("", at)


def _json(name: str, text: str, at: int) -> tuple[object, int]:
    try:
        return _JSON.raw_decode(text, at)
    except json.JSONDecodeError as broken:
        raise ScriptError(f"[[{name}]]: {broken.msg}") from None


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


# -- the words --------------------------------------------------------------------------------------------------------


def _calls(arguments: _Arguments) -> list[Step]:
    names, inputs = arguments.words[::2], arguments.words[1::2]
    if not names or len(names) != len(inputs) or not all(text.startswith("{") for text in inputs):
        raise ScriptError(f'[[{arguments.name}]] needs a tool and its input: [[call Read {{"path":"x"}}]]')
    return [steps.Call(name, text) for name, text in zip(names, inputs, strict=True)]


def _raw_call(text: str) -> Step:
    name, _, rest = text.partition(" ")
    return steps.Call(name, rest.lstrip())


def _pause(arguments: _Arguments) -> Step:
    every = _Arguments("pause every", [arguments.option("every", "1")]).number()
    return steps.Wait(arguments.number(), max(0.01, every))


def _fault(arguments: _Arguments) -> Step:
    what = arguments.first()
    if what not in ("overflow", "quota") and not (what.isdecimal() and 400 <= int(what) <= 599):
        raise ScriptError("[[fault]] needs a status from 400 to 599, or overflow, or quota")
    kind, message, code = (arguments.option(name) for name in ("type", "message", "code"))
    headers = tuple((key, value) for key, value in arguments.options.items() if value.isprintable())
    arguments.options.clear()
    return steps.Fault(what, kind, message, code, headers)


def _fail(arguments: _Arguments) -> Step:
    form = arguments.option("form")
    if form not in ("", "failed", "event", "nested"):
        raise ScriptError("[[error]] has a form of failed, event or nested")
    return steps.Fail(arguments.first("api_error"), arguments.option("message"), form)


def _count(arguments: _Arguments) -> Step:
    names = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "thinking")
    told = [(name, arguments.option(name)) for name in names if name in arguments.options]
    if not told or not all(value.isdecimal() for _, value in told):
        raise ScriptError(f"[[usage]] needs numbers for some of {', '.join(names)}")
    return steps.Count(tuple((name, int(value)) for name, value in told))


def _manner(name: str, kind: Callable[[float], float] = float) -> Reader:
    return lambda arguments: steps.Manner(name, kind(arguments.number(1e9)))


FREE: dict[str, Callable[[str], Step]] = {
    "say": steps.Say,
    "think": steps.Think,
    "refuse": steps.Refuse,
    "call-raw": _raw_call,
}

PLAIN: dict[str, Reader] = {
    "call": _calls,
    "calls": _calls,
    "redacted": lambda _: steps.Redact(),
    "echo": lambda _: steps.Echo(),
    "tokens": lambda arguments: steps.Filler(4 * int(arguments.number(LONGEST / 4)), 4),
    "size": lambda arguments: steps.Filler(int(arguments.number(LONGEST)), steps.LARGE),
    "block": lambda _: steps.Split(),
    "wait": lambda arguments: steps.Wait(arguments.number()),
    "pause": _pause,
    "ping": lambda _: steps.Ping(),
    "unknown-event": lambda _: steps.Strange(),
    "stop": lambda arguments: steps.Stop(arguments.first(), *arguments.words[1:2]),
    "error": _fail,
    "cut": lambda _: steps.Cut(),
    "eof": lambda _: steps.Eof(),
    "fault": _fault,
    "html": lambda arguments: steps.Page(int(arguments.number(599)) if arguments.words else 502),
    "empty": lambda _: steps.Empty(),
    "hang": lambda _: steps.Hang(),
    "reset": lambda _: steps.Reset(),
    "rate": _manner("rate"),
    "burst": _manner("burst", int),
    "bytes": _manner("bytes", int),
    "late": _manner("late"),
    "crlf": lambda _: steps.Manner("crlf"),
    "json": lambda _: steps.Manner("json"),
    "interleave": lambda _: steps.Manner("interleave"),
    "usage": _count,
    "name": lambda arguments: steps.Name(arguments.first()),
}
