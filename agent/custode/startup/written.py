"""What is put where: the templates, filled in for this installation and in every language."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from custode.locale.catalogue import LANGUAGES, mark, translated
from custode.startup.program import Program
from custode.startup.quoting import (
    desktop_exec,
    desktop_string,
    unit_command,
    unit_environment,
)

_TEMPLATES: Final = Path(__file__).parent / "templates"
_NAME: Final = re.compile("@([A-Z_]+)@")
_ICON: Final = Path(__file__).parents[1] / "desktop" / "icons" / "custode.svg"
SOCKET: Final = "custode-agent.socket"
SERVICE: Final = "custode-agent.service"

_OTHERS: Final = tuple(language for language in LANGUAGES if language != "en")

_GENERIC: Final = mark("Certificates on your token")
_COMMENT: Final = mark("Ask for, install, back up and renew the certificate on your token")
_TRAY: Final = mark("Shows the state of your token and reminds you of what is due")
_KEYWORDS: Final = mark("certificate;token;smart card;backup;PIN;signature;")
_BACKUP: Final = mark("Save a backup…")
_REPORT: Final = mark("Report a loss, theft or fault…")
_DOCTOR: Final = mark("Diagnostics…")
_PARAGRAPHS: Final = (
    mark(
        "Custode looks after the certificate on a USB token or smart card through its whole life."
        " It makes the request on the token, has the certificate issued and installs it."
    ),
    mark(
        "It makes a backup protected by a PIN of its own, and keeps that backup blocked for as"
        " long as the original is active. When the original is lost, stolen or broken, it brings"
        " the backup to life, one step after the other."
    ),
)


@dataclass(frozen=True, slots=True)
class Places:
    """The person's own places (XDG Base Directory Specification)."""

    config: Path
    data: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Places:
        """Those of this environment; a relative path there does not count (its own words)."""
        home = Path(environ.get("HOME") or Path.home())
        config, data = environ.get("XDG_CONFIG_HOME") or "", environ.get("XDG_DATA_HOME") or ""
        return cls(
            Path(config) if config.startswith("/") else home / ".config",
            Path(data) if data.startswith("/") else home / ".local" / "share",
        )

    @property
    def units(self) -> Path:
        """Units that come with a package put into the home (systemd.unit(5))."""
        return self.data / "systemd" / "user"

    @property
    def enabled(self) -> Path:
        """Where `systemctl --user enable` puts its link, and `disable` finds it."""
        return self.config / "systemd" / "user" / "sockets.target.wants" / SOCKET

    @property
    def autostart(self) -> Path:
        return self.config / "autostart" / "custode-tray.desktop"

    @property
    def icons(self) -> Path:
        return self.data / "icons" / "hicolor"


def files(program: Program, places: Places, *, autostart: bool) -> dict[Path, bytes]:
    """Every file with its content."""
    found = {
        places.units / SERVICE: _filled(SERVICE, _unit_values(program)),
        places.units / SOCKET: _filled(SOCKET, _unit_values(program)),
        places.icons / "scalable" / "apps" / "custode.svg": _ICON.read_bytes(),
        places.data / "metainfo" / "local.custode.Custode.metainfo.xml": _filled(
            "local.custode.Custode.metainfo.xml", _described()
        ),
        places.data / "applications" / "custode.desktop": _filled(
            "custode.desktop", _entry_values(program)
        ),
    }
    if autostart:
        found[places.autostart] = _filled("custode-tray.desktop", _entry_values(program))
    return found


def links(places: Places) -> dict[Path, str]:
    """Every symbolic link with its target: the socket listens from the next login on."""
    return {places.enabled: str(places.units / SOCKET)}


def _filled(name: str, values: Mapping[str, str]) -> bytes:
    """Fill the @NAMES@ of a template.

    :raises KeyError: for one that has no value
    """
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    return _NAME.sub(lambda found: values[found[1]], text).encode()


def _unit_values(program: Program) -> dict[str, str]:
    environment = [unit_environment(*one) for one in program.environment.items()]
    return {
        "AGENT": unit_command(program.agent),
        "AGENT_SOCKET": program.agent_socket,
        "SECRETS_SOCKET": program.secrets_socket,
        "ENVIRONMENT": "\n".join(environment) or "# (in the usual places)",
    }


def _entry_values(program: Program) -> dict[str, str]:
    return {
        "GENERIC_NAME": _localized("GenericName", _GENERIC),
        "COMMENT": _localized("Comment", _COMMENT),
        "TRAY_COMMENT": _localized("Comment", _TRAY),
        "KEYWORDS": _localized("Keywords", _KEYWORDS),
        "BACKUP_NAME": _localized("Name", _BACKUP),
        "REPORT_NAME": _localized("Name", _REPORT),
        "DOCTOR_NAME": _localized("Name", _DOCTOR),
        "TRY_EXEC": desktop_string(program.command[0]),
        "PANEL": desktop_exec(program.windows("panel")),
        "BACKUP": desktop_exec(program.windows("backup")),
        "REPORT": desktop_exec(program.windows("report")),
        "DOCTOR": desktop_exec(program.windows("doctor")),
        "TRAY": desktop_exec(program.tray),
    }


def _localized(key: str, msgid: str) -> str:
    """`Key=…` in English, which everybody gets, and `Key[it]=…`."""
    values = {f"[{language}]": translated(msgid, language) for language in _OTHERS}
    lines = {"": msgid, **values}
    return "\n".join(f"{key}{where}={desktop_string(text)}" for where, text in lines.items())


def _described() -> dict[str, str]:
    lines = [line for text in _PARAGRAPHS for line in _elements("p", text, "    ")]
    return {
        "SUMMARY": "\n".join(_elements("summary", _COMMENT, "  ")),
        "DESCRIPTION": "\n".join(lines),
    }


def _elements(name: str, msgid: str, indent: str) -> list[str]:
    found = [f"{indent}<{name}>{escape(msgid)}</{name}>"]
    for language in _OTHERS:
        text = escape(translated(msgid, language))
        found.append(f'{indent}<{name} xml:lang="{language}">{text}</{name}>')
    return found
