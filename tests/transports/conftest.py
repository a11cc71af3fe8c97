"""Certificates for loopback: made here, trusted by nobody else."""

import ssl

import pytest
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Serves ``127.0.0.1`` and ``upstream.test``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "upstream.test").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts that authority alone."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
