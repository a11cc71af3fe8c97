"""claude-max-api-proxy-rs: its two settings, and what it let everyone do."""

from tests.stages.legacy.old import Old


def test_its_directory_identifies_it(old: Old) -> None:
    """The CLI answers, without tools, on its port."""
    config = old.config(cwd=".")
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)
    assert config.upstreams["claude_cli"].dialect == "claude_cli"
    assert config.upstreams["claude_cli"].settings == {}
    assert "--cwd – the CLI works in a directory only with tools that are named" in old.said(cwd=".")


def test_its_log_identifies_it(old: Old) -> None:
    """RUST_LOG is anyone's, unless it names this system."""
    environ = {"RUST_LOG": "claude_max_api=debug"}
    assert old.config(environ).log.level == "debug"
    assert "known by RUST_LOG, which names claude_max_api (environment)" in old.said(environ)


def test_what_it_bypassed_is_told(old: Old) -> None:
    """Permissions are never bypassed here."""
    assert "its permissions – it bypassed them all" in old.said(legacy="claude-max-api-proxy-rs")
