"""What can be configured of the admin: the table ``[admin]``."""

from typing import Annotated

import attrs

from pipeline.admin.text import MOST, can_be_said, normal
from pipeline.secret import Secret
from pipeline.structure import Check, show


def _user(value: str) -> None:
    if not can_be_said(value):
        meant = f"one line of at most {MOST} characters, without a colon, invisible characters, and spaces at its ends"
        raise ValueError(f"expected {meant}, got {show(value)}")


User = Annotated[str, Check(_user)]


@attrs.frozen(kw_only=True)
class Settings:
    """Who may look after the gateway while it runs, and from where."""

    enabled: bool = True
    remote: bool = False  # true: also from other machines; a container needs it, since nobody is local to it
    user: User = attrs.field(default="admin", converter=normal)  # whose password this is
    password: Secret | None = None  # none: set on the page at first start, with a secret printed on the terminal
