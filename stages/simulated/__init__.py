"""A model that needs no key: a real server on a real socket, for a first try, for tests and for the bench.

    client ──▶ gateway ──▶ simulated model           directed by words in the prompt: [[say hello]] [[wait 2]] [[cut]]

It speaks a dialect as its vendor documents it, refuses what the vendor refuses, and counts and caches by rules that
can be worked out by hand (``usage``).  It shares no code with ``stages.dialects``: each is the other's witness.  See
``script`` for the words that direct it, ``families`` for whose manners a name has.

    server ─▶ model ─▶ voices: a dialect's door ─▶ asked ─▶ reply (script, steps, instance) ─▶ frames ─▶ play
    of each dialect, behind its name    _door what is asked · _body, _rules, _schema what is refused · _lists the rest
    of all of them                      refusal, question, usage, signature
"""

from stages.simulated.model import Seen, Settings, Simulated
from stages.simulated.script import ScriptError
from stages.simulated.server import serve

__all__ = ["serve", "Settings", "Simulated", "Seen", "ScriptError"]
