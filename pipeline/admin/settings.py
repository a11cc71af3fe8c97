"""What can be configured of the admin: the table ``[admin]``."""

import attrs

from pipeline.secret import Secret


@attrs.frozen(kw_only=True)
class Settings:
    """Who may look after the gateway while it runs, and from where."""

    enabled: bool = True
    remote: bool = False  # true: also from other machines; a container needs it, since nobody is local to it
    user: str = "admin"  # whose password this is
    password: Secret | None = None  # none: set on the page at first start, with a secret printed on the terminal
