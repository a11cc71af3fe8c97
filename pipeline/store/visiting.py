"""Visiting: the database, beside a gateway that may be running, for commands that look or put something right.

No spool, no tasks, no folder of one's own: what a visitor writes is one transaction, and holds when it is committed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.store.database import Backend, Outage, Rejected
from pipeline.store.opening import Places, StoreFailed, reached
from pipeline.store.schema import HEAD
from pipeline.store.settings import Settings


@contextmanager
def visited(settings: Settings) -> Iterator[Backend]:
    """The database that *settings* describe, open inside.  Raises StoreFailed, also for what goes wrong inside."""
    file = Places.of(settings).file
    if settings.url is None and not file.exists():
        raise StoreFailed(f"there are no books yet: {file} is not there")
    try:
        backend, _ = reached(settings, file)
        try:
            revision = backend.revision()
            if revision != HEAD:
                raise StoreFailed(f"the store is at revision {revision or 'none'}, not {HEAD}: start the gateway once")
            yield backend
        finally:
            backend.close()
    except (Outage, Rejected) as error:
        raise StoreFailed(str(error)) from error
