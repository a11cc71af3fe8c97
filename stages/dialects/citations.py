"""Citations of pages on the web, as each dialect notes them beside the words that they stand for.

    Messages    citations_delta {web_search_result_location, url, title}                   all of its block
    Chat        annotations [{url_citation: {url, title, start_index, end_index}}]         a span of the answer
    Responses   output_text.annotation.added {url_citation, url, title, start_index, …}    a span of the part

A span is told as it came: an answer of several parts is rare, and a reader shows the page in any case.  Claude's
answers to a search have many, so that their ``Spans`` are counted.  Citations of anything else (documents, files) are
their own dialect's alone.
"""

from typing import Any

from pipeline.events import BlockStarted, BlockStopped, Event, Opaque, Text, TextDelta

Fields = dict[str, Any]

ADDED = "response.output_text.annotation.added"
_KIND = "url_citation"


def cited(note: Opaque, length: int) -> list[Fields]:
    """The pages that *note* cites, as Responses has them; *length*: characters of its block."""
    match note:
        case Opaque(dialect="anthropic", kind="citations_delta", value={"citation": dict(citation)}):
            return _located(citation, length)
        case Opaque(dialect="chat", kind="annotations", value=list(noted)):
            return [_flat(one) for one in noted if isinstance(one, dict) and isinstance(one.get(_KIND), dict)]
        case Opaque(dialect="responses", kind="response.output_text.annotation.added", value={"annotation": dict(one)}):
            return [one] if one.get("type") == _KIND else []
    return []


def nested(page: Fields) -> Fields:
    """*page*, of ``cited``, as Chat has it."""
    return {"type": _KIND, _KIND: {key: value for key, value in page.items() if key != "type"}}


class Spans:
    """Where in an answer the pages stand that its blocks cite: for Chat, whose answer is one text.

    A transform: what Claude's citations amount to is told at the end of their block, as Responses tells a span.
    """

    def __init__(self) -> None:
        self._length = 0  # characters of all texts so far
        self._began = 0  # the same, where the open one began
        self._open: int | None = None
        self._notes: list[Opaque] = []

    def told(self, event: Event) -> list[Event] | None:
        """*event*, and before the end of a block the pages that it cites; None: as it is."""
        match event:
            case BlockStarted(block=Text()):
                self._open, self._began, self._notes = event.index, self._length, []
            case TextDelta() if event.index == self._open:
                self._length += len(event.piece)
            case Opaque() if event.index is not None and event.index == self._open:
                self._notes.append(event)
            case BlockStopped() if event.index == self._open and self._notes:
                return [*self._pages(event.index), event]
        return None

    def _pages(self, index: int) -> list[Event]:
        at = {"start_index": self._began, "end_index": self._length}
        pages = [{**page, **at} for note in self._notes if note.dialect == "anthropic" for page in cited(note, 0)]
        return [Opaque("responses", ADDED, {"type": ADDED, "annotation": page}, index) for page in pages]


def _flat(annotation: Fields) -> Fields:
    return {"type": _KIND, **annotation[_KIND]}


def _located(citation: Fields, length: int) -> list[Fields]:
    """Claude's citation of a page, which stands for all of its block; others have no equivalent."""
    url, title = citation.get("url"), citation.get("title")
    if citation.get("type") != "web_search_result_location" or not isinstance(url, str):
        return []
    return [{"type": _KIND, "url": url, "title": title if isinstance(title, str) else "",
             "start_index": 0, "end_index": length}]  # fmt: skip
