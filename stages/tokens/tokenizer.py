"""The tokenizer: texts → how many tokens of o200k_base each has.  Offline, exact; only the worker's process loads it.

The package is ``toktok-rs`` (the extra ``tokenizer``): vocabulary and engine in one library of 8 MB.  Loading takes
0.3 s, during which nothing else in its process runs, and 65 MB: hence the process.  Where it is not installed, nothing
here can count, and prompts are estimated.
"""

from stages.tokens.weigh import Count

try:
    import toktok
except ImportError:  # the extra is not installed
    toktok = None

ENCODING = "o200k_base"


def count(texts: list[str]) -> list[int]:
    """The tokens of each of *texts*.  Takes 5 to 80 ms for a megabyte, whatever is in it."""
    # A lone surrogate is no text; JSON may spell one, and the upstream will judge it.
    clean = [text if text.isascii() else text.encode("utf-8", "replace").decode() for text in texts]
    counted: list[int] = toktok.batch_count(clean, ENCODING, 1)
    return counted


def tokenizer() -> Count | None:
    """What counts, or None where it is not installed."""
    return None if toktok is None else count
