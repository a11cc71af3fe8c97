"""Texts that people type: what may stand in a name, said once, for the check and for the API's document.

Control characters and signs that turn the direction of writing are refused: a name is shown to other people.
"""

import re
import unicodedata
from typing import Annotated

from msgspec import Meta

SHORTEST, LONGEST = 8, 200  # characters of a password
MOST = 200  # characters of the name of an account

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_LINE = rf"^[^\s{_HIDDEN}]([^{_HIDDEN}]*[^\s{_HIDDEN}])?$"
_WORD = rf"^[^\s{_HIDDEN}]+$"
_ACCOUNT = rf"^[^\s:{_HIDDEN}]+$"  # RFC 7617 §2: a user-id with a colon can't be said in HTTP Basic
_WORD_OR_NONE = rf"^[^\s{_HIDDEN}]*$"

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=_LINE, description="One line, for people.")]
Word = Annotated[str, Meta(min_length=1, max_length=200, pattern=_WORD, description="No spaces.")]
Account = Annotated[str, Meta(min_length=1, max_length=MOST, pattern=_ACCOUNT, description="No spaces, no colon.")]
Maybe = Annotated[str, Meta(max_length=200, pattern=_WORD_OR_NONE, description="No spaces; may be empty.")]
Glob = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, description="A name; * stands for anything.")]
Password = Annotated[str, Meta(min_length=SHORTEST, max_length=LONGEST)]
Moment = Annotated[int, Meta(ge=0, le=1 << 53, description="Milliseconds since 1970.")]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]

# What a pattern asks for, in words, for whoever typed something else.
MEANT = {
    _LINE: "one line, without invisible characters, and without spaces at its ends",
    _WORD: "one word, without spaces and invisible characters",
    _ACCOUNT: "one word, without a colon, spaces and invisible characters",
    _WORD_OR_NONE: "one word, without spaces and invisible characters, or nothing",
}


def can_be_said(name: str) -> bool:
    """Whether every way of logging in can say the user *name*, which a file may have with spaces in it."""
    return len(name) <= MOST and ":" not in name and re.fullmatch(_LINE, name) is not None


def normal(name: str) -> str:
    """*name* in the one form in which equal names are equal (NFC)."""
    return unicodedata.normalize("NFC", name)
