"""Where Custode keeps things: `CUSTODE_HOME`, else the system's own places for a user."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from custode.error_codes import ErrorCode
from custode.errors import CustodeError

SOCKET_PATH_MAX: Final = 107  # bytes: sun_path of unix(7) is 108 with its closing zero
HOME_VARIABLE: Final = "CUSTODE_HOME"
_SOCKETS: Final = ("agent.sock", "secrets.sock")


@dataclass(frozen=True, slots=True)
class Paths:
    """Every file and folder of one installation."""

    home: Path
    """State, audit log, requests, the embedded authority."""
    config: Path
    run: Path
    log: Path
    named: bool = False
    """Whether CUSTODE_HOME names `home`; else these are the system's own places."""

    @property
    def state(self) -> Path:
        return self.home / "state.sqlite"

    @property
    def audit(self) -> Path:
        return self.home / "audit.log"

    @property
    def language(self) -> Path:
        """The language a person chose, in one word (`locale.choice`)."""
        return self.config.with_name("language")

    @property
    def authority_home(self) -> Path:
        return self.home / "authority"

    @property
    def lock(self) -> Path:
        return self.home / "agent.lock"

    @property
    def agent_socket(self) -> Path:
        return self.run / "agent.sock"

    @property
    def secrets_socket(self) -> Path:
        return self.run / "secrets.sock"

    @property
    def authority_log(self) -> Path:
        return self.log.with_name("authority.log")

    @property
    def cli_log(self) -> Path:
        return self.log.with_name("custode-cli.log")

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """Paths for this environment; nothing is made or touched."""
        if home := environ.get(HOME_VARIABLE):
            return cls.at(Path(home))
        import platformdirs

        places = platformdirs.PlatformDirs("custode", appauthor=False)
        return cls(
            places.user_data_path,
            places.user_config_path / "config.toml",
            _run_folder(_runtime(environ, places.user_data_path)),
            places.user_log_path / "agent.log",
        )

    @classmethod
    def at(cls, home: Path) -> Paths:
        """Everything under one folder."""
        root = home.absolute()
        run = _run_folder(root / "run")
        return cls(root, root / "config.toml", run, root / "agent.log", named=True)

    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to find the same paths."""
        return {HOME_VARIABLE: str(self.home)} if self.named else {}

    def make(self) -> None:
        """Make the folders that are missing, for this user alone (0700).

        :raises CustodeError: FILE_UNWRITABLE when one cannot be made, or the sockets' folder
            belongs to somebody else
        """
        for folder in (self.config.parent, self.home, self.run, self.log.parent):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as exc:
                raise CustodeError(
                    ErrorCode.FILE_UNWRITABLE, path=str(folder), why=exc.strerror
                ) from exc
        self.check_run()

    def check_run(self) -> None:
        """Refuse a folder of sockets that others could have put there, or can look into.

        :raises CustodeError: FILE_UNWRITABLE
        """
        try:
            found = self.run.lstat()
            foreign = not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid()
            if not foreign and found.st_mode & 0o077:
                self.run.chmod(0o700)
        except OSError as exc:
            raise CustodeError(
                ErrorCode.FILE_UNWRITABLE, path=str(self.run), why=exc.strerror
            ) from exc
        if foreign:
            raise CustodeError(
                ErrorCode.FILE_UNWRITABLE, path=str(self.run), why="it belongs to somebody else"
            )


def _runtime(environ: Mapping[str, str], home: Path) -> Path:
    """The session's own folder for sockets; without one (no login session) our own home's."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "custode" if runtime else home / "run"


def _run_folder(wanted: Path) -> Path:
    """`wanted`, or a folder named by its hash when a socket's path there would be too long."""
    longest = max(len(os.fsencode(wanted / name)) for name in _SOCKETS)
    if longest <= SOCKET_PATH_MAX:
        return wanted
    import hashlib  # rarely needed, and slow to import
    import tempfile

    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"custode-{os.getuid()}-{name}"
