"""What is asked of the model: one JSON object in one dialect.

A prompt has no public mutable body: stages ``get``, ``set``, ``drop`` and ``walk`` it by path, and every change is
recorded with the stage that made it and its reason (the fidelity report, for free).  While nothing was changed the
upstream gets the client's own bytes; see ``document`` for what happens when one field is.  ``fork`` costs nothing:
each attempt edits a copy of its own.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any, Literal

import attrs

from pipeline.document import Document, Key, Malformed, Path
from pipeline.errors import InvalidRequest
from pipeline.notes import Notes

_NOTHING: Mapping[str, bytes] = {}

Action = Literal["set", "added", "dropped", "approximated", "refused", "repaired"]


@attrs.define(unsafe_hash=True)
class Edit:
    """One recorded change: *stage* did *action* at *path*, because *why*; *lossy* if something asked for is gone.

    Never modified: ``frozen`` would make each of them cost three times as much.
    """

    stage: str
    path: str  # "messages[3].content[0].cache_control"
    action: Action
    why: str
    lossy: bool = False


class Prompt:
    """One JSON object in *dialect*, and what was done to it."""

    __slots__ = ("_document", "_named", "author", "dialect", "edits", "notes")

    def __init__(
        self,
        dialect: str,
        raw: bytes | Document,
        edits: list[Edit] | None = None,
        author: str = "",
        notes: Notes | None = None,
    ) -> None:
        self.dialect = dialect
        self.author = author  # the stage that is at work: the engine sets it
        self.edits = edits if edits is not None else []
        self.notes = notes if notes is not None else Notes()  # what a translation leaves for the reply
        self._document = raw if isinstance(raw, Document) else Document(raw)
        self._named: tuple[Document | None, str] = None, ""  # the model, as the text had it when it was last asked for

    @classmethod
    def parse(cls, dialect: str, raw: bytes) -> "Prompt":
        """The prompt in a request's body; InvalidRequest if it is not one JSON object."""
        prompt = cls(dialect, raw)
        if prompt._document.kind != "object":
            raise InvalidRequest("the request body is not a JSON object")
        prompt.keys()
        return prompt

    @classmethod
    def of(cls, dialect: str, body: dict[str, Any]) -> "Prompt":
        """The prompt that says *body*: one that the gateway makes itself."""
        return cls(dialect, Document.of(body))

    # -- reading ------------------------------------------------------------------------------------------------------

    def get(self, *path: Key, default: Any = None) -> Any:
        """The decoded value at *path*: ``get("messages", -1, "role")``; *default* where there is nothing."""
        try:  # read some ten times per request: a context manager would cost as much again
            return self._document.read(path, default)
        except Malformed as error:
            raise _told.saying(error) from None

    def some(self, keys: Set[str]) -> dict[str, Any]:
        """The decoded values of those of *keys* that are there: for fields that hardly any client sends."""
        try:
            return self._document.some(keys)
        except Malformed as error:
            raise _told.saying(error) from None

    def has(self, *path: Key) -> bool:
        """Whether there is anything at *path* (null counts)."""
        return self._found(path) is not None

    def keys(self, *path: Key) -> list[Key]:
        """Keys of the object or positions of the array at *path*; empty for anything else."""
        try:
            found = self._document.at(path)
            return [] if found is None else found.keys()
        except Malformed as error:
            raise _told.saying(error) from None

    def string(self, *path: Key) -> str | None:
        """The string at *path*; None for anything else."""
        found = self._found(path)
        if found is None or found.kind != "string":
            return None
        try:
            value: str = found.value()
        except Malformed as error:
            raise _told.saying(error) from None
        return value

    def kind(self, *path: Key) -> str:
        """``object``, ``array``, ``string``, ``number``, ``literal``, or ``""`` where there is nothing."""
        found = self._found(path)
        return "" if found is None else found.kind

    def walk(self, *path: Key) -> Iterator[tuple[Path, "Document"]]:
        """Path and document of every member of the object or array at *path*."""
        with _told:
            found = self._document.at(path)
            for key, child in () if found is None else found.items():
                yield (*path, key), child

    def body(self) -> dict[str, Any]:
        """Everything, decoded; a fresh object, yours to change.  Costs a full parse: for translation."""
        with _told:
            value = self._document.value()
        assert isinstance(value, dict)  # noqa: S101  # parse() saw to it
        return value

    def text(self, *path: Key) -> bytes:
        """The text at *path*; empty where there is nothing."""
        found = self._found(path)
        return b"" if found is None else found.encode()

    def without(self, key: str) -> bytes:
        """The text of all but the member *key*, which stays where it is."""
        with _told:
            return self._document.drop((key,)).encode()

    @property
    def model(self) -> str:
        """The model's name; InvalidRequest if it is missing or not a string."""
        document, name = self._named
        if document is not self._document:  # most stages ask, few edit
            name = self.get("model")
            if not isinstance(name, str) or not name:
                raise InvalidRequest("model: a non-empty string is required", param="model")
            self._named = self._document, name
        return name

    def _found(self, path: Path) -> Document | None:
        try:
            return self._document.at(path)
        except Malformed as error:
            raise _told.saying(error) from None

    # -- editing ------------------------------------------------------------------------------------------------------

    def set(self, *path: Key, to: Any, why: str, lossy: bool = False) -> None:
        """Put *to* at *path*, making objects on the way."""
        there = self._found(path) is not None
        try:
            self._document = self._document.set(path, to)
        except Malformed as error:
            raise _told.saying(error) from None
        self.record("set" if there else "added", path, why, lossy=lossy)

    def drop(self, *path: Key, why: str, lossy: bool = False) -> None:
        """Remove what is at *path*; nothing happens, and nothing is recorded, if there is nothing."""
        if self._found(path) is None:
            return
        with _told:
            self._document = self._document.drop(path)
        self.record("dropped", path, why, lossy=lossy)

    def record(self, action: Action, path: Path, why: str, *, lossy: bool = False) -> None:
        """Record a change that was made otherwise."""
        self.edits.append(Edit(self.author, spell(path), action, why, lossy))

    # -- travelling ---------------------------------------------------------------------------------------------------

    def fork(self) -> "Prompt":
        """A copy for one attempt: shares all text, has its own edits (those made so far included)."""
        forked = Prompt(self.dialect, self._document, list(self.edits), self.author, Notes(self.notes))
        forked._named = self._named
        return forked

    def become(self, dialect: str, body: dict[str, Any], written: Mapping[str, bytes] = _NOTHING) -> None:
        """Turn into *body* in another dialect: what translation ends with.  *written*: members that are text by now."""
        self.dialect = dialect
        self._document = Document.of(body)
        for key, text in written.items():
            self._document = self._document.set((key,), Document(text))

    def encode(self) -> bytes:
        """The bytes to send; the client's own while nothing was changed."""
        return self._document.encode()

    def release(self) -> None:
        """Let go of the text, at the commit: a long stream must not hold a megabyte that nobody will read again."""
        self._document = Document(b"{}")
        self._named = None, ""  # of the text, which it keeps


def spell(path: Path) -> str:
    """*path* as people write it: ``tools[2].name``."""
    text = "".join([f"[{key}]" if isinstance(key, int) else f".{key}" for key in path])
    return text.removeprefix(".")


class _Told:
    """Turns what a document says of broken text into what a caller is told."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> None:
        if isinstance(raised, Malformed):
            raise self.saying(raised) from None

    def saying(self, raised: Malformed) -> InvalidRequest:
        return InvalidRequest(f"the request body is not valid JSON: {raised}")


_told = _Told()
