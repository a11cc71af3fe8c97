"""Life: a gateway in the background is started, found, read and ended by its pid file.  With real processes."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.commands.life import present, read
from pipeline.pidfile import AlreadyRuns, PidFile, default, look

ROOT = Path(__file__).parents[2]


class Shell:
    """Runs commands of ours in an empty home."""

    def __init__(self, home: Path) -> None:
        self.home, self.pid_file = home, home / "run" / "gateway.pid"
        ours = {key: value for key, value in os.environ.items() if not key.startswith("PIPELINE_")}
        folders = {"XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config"}
        self.environment = ours | {"HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.environment |= {name: str(home / folder) for name, folder in folders.items()}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        first, *rest = arguments
        command = [sys.executable, "-m", "pipeline", first, "--pid-file", str(self.pid_file), *rest]
        return subprocess.run(command, cwd=self.home, env=self.environment, capture_output=True, text=True, timeout=60)

    def start(self) -> str:
        done = self.run("start", "--detach", "-p", "0")
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Whatever a test leaves running is ended."""
    found = Shell(tmp_path)
    yield found
    if (entry := look(found.pid_file)) is not None:
        os.kill(entry.pid, signal.SIGKILL)


def health(said: str) -> int:
    address = re.search(r"http://(127\.0\.0\.1):(\d+)", said)
    assert address is not None
    connection = http.client.HTTPConnection(address[1], int(address[2]), timeout=5)
    connection.request("GET", "/health")
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_life(shell: Shell) -> None:
    """It listens when the command returns; status and logs find it; stop returns when it has ended."""
    said = shell.start()
    assert health(said) == 200
    entry = look(shell.pid_file)
    assert entry is not None
    assert shell.pid_file.read_text().splitlines()[0] == str(entry.pid)
    status = shell.run("status")
    assert status.returncode == 0
    assert entry.urls[0] in status.stdout
    assert "listens on" in shell.run("logs", "-n", "100").stdout
    stopped = shell.run("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"process {entry.pid} has ended\n")
    assert shell.run("status").returncode == 1
    assert "listens on" in shell.run("logs", "-n", "100").stdout


def test_a_log_of_its_own_is_the_one_that_is_shown(shell: Shell) -> None:
    """Where the configuration names the log's file, start, status and logs do as well."""
    (shell.home / "pipeline.toml").write_text('[log]\nfile = "own.log"\n')
    own = str(shell.home / "own.log")
    assert own in shell.start()
    assert own in shell.run("status").stdout
    shell.run("reload")
    assert logged(shell, "the configuration is in force")


def test_a_log_is_followed_over_its_rotation(tmp_path: Path) -> None:
    """What is written under its name is shown, after it was renamed and after it was emptied."""
    path = tmp_path / "log"
    path.write_text("one\n")
    file = read(path)
    assert file.read() == "one\n"
    path.rename(tmp_path / "log.1")
    assert present(file, path) is file  # nobody has begun a new one yet
    path.write_text("two, and more than that\n")
    file = present(file, path)
    assert file.read() == "two, and more than that\n"
    assert present(file, path) is file
    path.write_text("three\n")
    file = present(file, path)
    assert file.read() == "three\n"
    file.close()


def logged(shell: Shell, words: str) -> bool:
    """Whether the log comes to hold *words*."""
    end = time.monotonic() + 20
    while words not in (said := shell.run("logs", "-n", "100").stdout):
        if time.monotonic() > end:
            raise AssertionError(said)
        time.sleep(0.1)
    return True


@pytest.mark.slow
def test_it_reads_its_configuration_anew(shell: Shell) -> None:
    """When told to, it answers; by itself, it says so in the log; a bad file changes nothing."""
    config = shell.home / "pipeline.toml"
    config.write_text("[server]\nwatch = false\n")
    said = shell.start()
    config.write_text("[server]\nwatch = false\ndrain = 1.5\n[store]\nkeep = 3\n")
    done = shell.run("reload")
    assert (done.returncode, done.stdout) == (0, "the configuration is in force; store.keep after a restart\n")
    config.write_text("[server]\nprot = 0\n")
    done = shell.run("reload")
    problem = "pipeline.toml: server.prot: unknown key; did you mean port?"
    refused = f"the configuration is refused, the one of before stays in force: {problem}\n"
    assert (done.returncode, done.stderr) == (1, refused)
    assert health(said) == 200
    assert shell.run("status").returncode == 0


@pytest.mark.slow
def test_it_reads_what_has_changed_by_itself(shell: Shell) -> None:
    """And says in its log what came of it."""
    config = shell.home / "pipeline.toml"
    config.write_text("")
    shell.start()
    config.write_text("[server]\ndrain = 1.5\n")
    assert logged(shell, "the configuration is in force")


@pytest.mark.slow
def test_another_takes_its_place(shell: Shell) -> None:
    """At the same address, with the same pid file; the old one ends, and the new one is found."""
    said = shell.start()
    old = look(shell.pid_file)
    assert old is not None
    port = old.urls[0].rpartition(":")[2]
    new = shell.run("start", "--detach", "-p", port, "--take-over")
    assert (new.returncode, health(new.stdout)) == (0, 200), new.stderr
    entry = look(shell.pid_file)
    assert entry is not None
    assert (entry.urls, entry.pid == old.pid) == (old.urls, False)
    end = time.monotonic() + 20
    while Path(f"/proc/{old.pid}/cmdline").exists() and Path(f"/proc/{old.pid}/cmdline").read_bytes():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert look(shell.pid_file) == entry
    assert health(said) == 200
    assert shell.run("stop").returncode == 0
    assert look(shell.pid_file) is None


def test_two_do_not_share_a_file(shell: Shell) -> None:
    """The second is refused, in one line."""
    shell.start()
    second = shell.run("start", "--detach", "-p", "0")
    assert second.returncode == 2
    assert re.fullmatch(r".*gateway\.pid is held by a gateway that runs, process \d+\n", second.stderr)


def test_one_that_cannot_start_says_why(shell: Shell) -> None:
    """With its own words and exit code, though it was in the background already."""
    done = shell.run("start", "--detach", "-p", "nonsense")
    assert done.returncode == 2
    assert done.stderr == 'command line: --port: expected a whole number, got "nonsense"\n'
    assert look(shell.pid_file) is None


def test_a_file_left_by_a_killed_process_is_nobodys(shell: Shell) -> None:
    """Its number is not believed: it may be another's by now."""
    shell.start()
    entry = look(shell.pid_file)
    assert entry is not None
    os.kill(entry.pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while look(shell.pid_file) is not None and time.monotonic() < end:
        pass
    assert shell.pid_file.read_text() != ""
    assert shell.run("stop").returncode == 1
    assert health(shell.start()) == 200


def test_in_the_foreground_too(shell: Shell) -> None:
    """start without --detach holds the file as well, for service managers."""
    command = [sys.executable, "-m", "pipeline", "start", "-p", "0", "--pid-file", str(shell.pid_file)]
    with subprocess.Popen(command, cwd=shell.home, env=shell.environment, stdout=subprocess.PIPE, text=True) as found:
        assert found.stdout is not None
        assert "listens on" in found.stdout.readline()
        assert shell.run("stop", "--now").returncode == 0
        assert found.wait(5) == 0


def test_a_held_file_is_held(tmp_path: Path) -> None:
    """By a lock: entering twice is refused, leaving gives it back."""
    path = tmp_path / "deep" / "x.pid"
    with PidFile(path) as file:
        file.tell(["http://h:1"])
        entry = look(path)
        assert entry is not None
        assert (entry.pid, entry.urls) == (os.getpid(), ["http://h:1"])
        with pytest.raises(AlreadyRuns):
            PidFile(path).__enter__()
    assert look(path) is None
    with PidFile(path):
        pass


def test_without_a_runtime_directory_another_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silently (warnings are errors here): as root, or from cron, there often is none."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert default().parts[-2:] == ("pipeline", "pipeline.pid")


def others(found: os.stat_result, user: int) -> os.stat_result:
    """*found*, as the property of *user*."""
    return os.stat_result((*found[:4], user, *found[5:]))


@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_is_another_user_s_is_neither_written_nor_believed(
    whose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder for everybody's temporary files another may have been there before us."""
    path = tmp_path / "run" / "x.pid"
    with PidFile(path) as file:
        file.tell(["http://h:1"])
        before = path.read_bytes()
        stat, fstat = Path.stat, os.fstat
        if whose == "file":
            monkeypatch.setattr(os, "fstat", lambda fd: others(fstat(fd), os.geteuid() + 1))
        else:
            monkeypatch.setattr(Path, "stat", lambda each, **how: others(stat(each, **how), os.geteuid() + 1))
        for attempt in (lambda: look(path), PidFile(path).__enter__):
            with pytest.raises(PermissionError, match="another user's"):
                attempt()
        monkeypatch.undo()
        assert path.read_bytes() == before


def test_a_link_in_its_place_is_not_followed(shell: Shell, tmp_path: Path) -> None:
    """What it leads to stays as it is, and the command says why it does not start."""
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    shell.pid_file.parent.mkdir()
    shell.pid_file.symlink_to(mine)
    for command in (("start", "-p", "0"), ("start", "--detach", "-p", "0"), ("status",)):
        done = shell.run(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"{shell.pid_file}: it is a symbolic link, and may lead anywhere\n"
    assert mine.read_text() == "precious"
    shell.pid_file.unlink()


def test_a_client_is_run_with_its_settings(shell: Shell) -> None:
    """With the gateway that runs, or one of its own; its exit code is ours."""
    client = (
        "import os, sys, urllib.request as r; print(r.urlopen(os.environ['OPENAI_BASE_URL'][:-3] + '/health').status)"
    )
    words = ("run", "--", sys.executable, "-c", f"{client}; sys.exit(7)")
    alone = shell.run(*words)
    assert (alone.returncode, alone.stdout) == (7, "200\n"), alone.stderr
    shell.start()
    beside = shell.run(*words)
    assert (beside.returncode, beside.stdout) == (7, "200\n"), beside.stderr
