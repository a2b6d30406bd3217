"""A person's own systemd, really running, in namespaces of its own."""

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from custode.paths import Paths
from custode.rpc.client import PROTOCOL, AgentClient, dial

START_S = 30.0
MANAGER = ("/lib/systemd/systemd", "/usr/lib/systemd/systemd")
# An empty /run, in which the system looks as if systemd had booted it; nothing outside changes, and
# whatever was started inside ends with the first process.
SESSION = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
"$1" --user --show-status=no --log-target=console &
until systemctl --user is-system-running --wait >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || exit 1
    sleep 0.05
done
echo UP
read -r end
"""


class Session:
    """A home, a runtime folder, and perhaps a service manager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.runtime = root / "run"
        (self.home / ".local/share").mkdir(parents=True)
        self.runtime.mkdir(mode=0o700)
        self._manager: subprocess.Popen[bytes] | None = None
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment: Mapping[str, str] = {
            **kept,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
        }

    @property
    def paths(self) -> Paths:
        share = self.home / ".local/share/custode"
        log = self.home / ".local/state/custode/log/agent.log"
        config = self.home / ".config/custode/config.toml"
        return Paths(share, config, self.runtime / "custode", log)

    def start_manager(self) -> str | None:
        """Start it; what it says when it cannot run here."""
        program = next(name for name in MANAGER if Path(name).exists())
        as_root = [] if os.getuid() == 0 else ["--map-root-user"]
        private = ("--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
        self._manager = subprocess.Popen(
            ["unshare", *as_root, *private, "bash", "-c", SESSION, "session", program],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._manager.stdout
        readable = select.select([self._manager.stdout], [], [], START_S)[0]
        if readable and self._manager.stdout.readline() == b"UP\n":
            return None
        self._manager.kill()
        said = self._manager.communicate()[1].decode(errors="replace")
        return said.strip() or "it does not come up"

    def run(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the session, and wait for it."""
        inside: list[str] = []
        if self._manager is not None:
            children = Path(f"/proc/{self._manager.pid}/task/{self._manager.pid}/children")
            (first,) = children.read_text().split()
            user = [] if os.getuid() == 0 else ["--user", "--preserve-credentials"]
            inside = ["nsenter", f"--target={first}", *user, "--mount", "--pid", "--"]
        return subprocess.run(
            [*inside, *argv],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def custode(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(Path(sys.executable).with_name("custode")), *words, **environment)

    def connect(self) -> AgentClient:
        """Connect from outside, as any program; never starts an agent of this test's own user."""
        until = time.monotonic() + START_S
        while (connection := dial(self.paths)) is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        client = AgentClient(connection, self.paths)
        try:
            client.agent = client.call("hello", {"protocol": PROTOCOL, "client": "test"})
        except BaseException:
            client.close()
            raise
        return client

    def tree(self) -> dict[str, str]:
        """Every file and folder of the home, with its content."""
        return {str(path.relative_to(self.home)): _content(path) for path in self.home.rglob("*")}

    def end(self) -> None:
        self.custode("agent", "stop")
        if self._manager is not None:
            self._manager.kill()
            self._manager.communicate(timeout=START_S)


def _content(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else "/"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(tmp_path)
    yield made
    made.end()


@pytest.fixture
def managed(session: Session) -> Session:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare: the manager would be the machine's own")
    if why := session.start_manager():
        pytest.skip(f"systemd --user cannot run here: {why[-300:]}")
    return session
