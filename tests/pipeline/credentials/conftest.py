"""Credentials are kept in either database: the store's own places."""

from tests.pipeline.store.conftest import parts as parts
from tests.pipeline.store.conftest import place as place
from tests.pipeline.store.conftest import postgres as postgres
