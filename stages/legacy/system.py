"""A system: one of the older gateways, as far as its settings go."""

from collections.abc import Callable

import attrs

from stages.legacy.draft import Draft


@attrs.frozen(kw_only=True)
class System:
    """What identifies a system, and what writes its settings into a Draft."""

    name: str  # as --legacy has it
    about: str  # whose it is, in a few words
    marks: tuple[str, ...] = ()  # variables that only it reads
    flags: tuple[str, ...] = ()  # flags of ours that only it had
    crate: str = ""  # its name in RUST_LOG, where no other has that
    folded: bool = False  # its variables may be spelled in lower case
    write: Callable[[Draft], None]
