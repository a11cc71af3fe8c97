"""What memory still holds: for tests of what is let go of."""

import gc


def held(mark: bytes, most: int = 1000) -> list[int]:
    """The sizes of the byte strings longer than *most*, with *mark* in them, that some object still refers to.

    Byte strings are not known to the collector themselves: they are found through those that refer to them.
    """
    gc.collect()
    found = {
        id(one): len(one)
        for holder in gc.get_objects()
        for one in gc.get_referents(holder)
        if isinstance(one, bytes | bytearray) and len(one) > most and mark in one
    }
    return sorted(found.values())
