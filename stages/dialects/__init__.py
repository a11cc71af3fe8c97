"""Wire formats, one package each, found by name; sans-io: bytes in, events out, no trio and no socket."""
