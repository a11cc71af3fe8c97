"""The API keeps its own document, whatever it is sent: schemathesis makes the requests, a running gateway answers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.running import clean_environment, running
from tests.pipeline.admin.office import CONFIGURED, PASSWORD, USER

# TRACE is refused before anybody is asked (501, tests/transports).
CONFIG = """
[phases.coverage]
unexpected-methods = ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
"""
# Which options a key may have is a matter of the line: the document can't tell, and 422 names what no stage takes.
# That it is about options and nothing else is a check of our own (``fuzzing``), in place of the general one.
OPTIONS = """
[[operations]]
include-name = "{}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "5xx"]
"""
ROOT = Path(__file__).parents[3]
START = "from schemathesis.cli import schemathesis; schemathesis()"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_answer_is_one_that_was_declared(tmp_path: Path) -> None:
    """Status, media type and shape, for good requests and bad ones, alone and in a row."""
    (tmp_path / "schemathesis.toml").write_text(
        CONFIG + OPTIONS.format("POST /admin/api/keys") + OPTIONS.format("PATCH /admin/api/keys/{id}")
    )
    with running(tmp_path / "gateway", more=CONFIGURED) as gateway:
        document = f"{gateway.url}/admin/api/openapi.json"
        command = [sys.executable, "-c", START, "run", document, "--auth", f"{USER}:{PASSWORD}", "--seed", "7"]
        command += ["--max-examples", "8", "--continue-on-failure", "--no-color"]
        # Wrong credentials, over and over, are answered with 429: test_api asks without any, of every operation.
        command += ["--exclude-checks", "ignored_auth"]
        ours = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.pipeline.admin.fuzzing"}
        environment = clean_environment(tmp_path, **ours)
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
