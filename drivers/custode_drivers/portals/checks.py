"""Checks of the authority: its name, its port, TLS, whose it is, and what time it says it is.

Each step of reaching it is told apart, because each has its own remedy. Standard library only: no
request of ours needs more, and the doctor has to be quick.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from custode_drivers.api.checks import AuthorityCase, Case, Check, Finding, Outcome, When
from custode_drivers.portals.transport_errors import WRONG_TIME

STEP_S: Final = 4.0
"""For connecting, for TLS, and for an answer."""
TOLERANCE: Final = timedelta(minutes=2)
"""Statements of the authority live for minutes; a clock that is off by more meets refusals."""
_PATH: Final = "/"  # any answer will do: who gives it is proved by TLS already
_HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Reached:
    """How far one got: `code` of this check, and the authority's own time where it told one."""

    code: str
    why: str = ""
    said: datetime | None = None
    took_s: float = 0.0


def authority(case: Case, _subject: str) -> Iterator[Finding]:
    """Whether the authority can be reached, and is the one that is pinned."""
    where = case.authority()
    told = {"address": where.url, "embedded": where.embedded}
    if where.state != "there":
        yield Finding(where.state, data={**told, "why": where.why, "home": _home(where)})
        return
    reached = reach(where)
    host = urlsplit(where.url).hostname
    told |= {"host": host, "why": reached.why, "ca_certificate": where.ca_certificate}
    yield Finding(reached.code, data={**told, "took_s": round(reached.took_s, 3)})


def clock(case: Case, _subject: str) -> Iterator[Finding]:
    """Whether this computer's clock and the authority's agree."""
    where = case.authority()
    if where.state != "there":
        yield Finding("no_authority" if where.state == "none" else "not_asked")
        return
    asked = case.now()
    reached = reach(where)
    told: dict[str, object] = {"here": asked.isoformat(), "tolerance_s": TOLERANCE.total_seconds()}
    if reached.code == "wrong_time":
        yield Finding("outside", data=told)
    elif reached.said is None:
        yield Finding("not_asked")
    else:
        # The authority told whole seconds, somewhere between the question and the answer.
        difference = case.now() - reached.said
        code = "right" if abs(difference) <= TOLERANCE else "wrong"
        told |= {
            "there": reached.said.isoformat(),
            "difference_s": round(difference.total_seconds()),
        }
        yield Finding(code, data=told)


def reach(where: AuthorityCase) -> Reached:
    """Go as far as one gets: name, connection, TLS, the pinned CA, an answer."""
    began = time.monotonic()
    parts = urlsplit(where.url)
    host, port = parts.hostname or "", parts.port or _HTTPS_PORT
    try:
        pinned = _pinned(where)
    except (OSError, ValueError) as exc:
        return Reached("no_ca", str(exc))
    if pinned is None:
        return Reached("other_ca")
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        return Reached("name", str(exc))
    try:
        connection = socket.create_connection((host, port), STEP_S)
    except OSError as exc:
        return Reached("no_answer", exc.strerror or str(exc))
    with closing(connection):
        told = _speak(connection, host, pinned)
    return Reached(told.code, told.why, told.said, time.monotonic() - began)


def _pinned(where: AuthorityCase) -> bytes | None:
    """The CA certificate (DER), if it is the pinned one."""
    der = ssl.PEM_cert_to_DER_cert(Path(where.ca_certificate).read_text("ascii"))
    found = hashlib.sha256(der).hexdigest()
    return der if hmac.compare_digest(found, where.pin_sha256) else None


def _speak(connection: socket.socket, host: str, pinned: bytes) -> Reached:
    """TLS to the pinned CA, then one question that changes nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=pinned)
    try:
        secured = context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as exc:
        wrong = exc.verify_code in WRONG_TIME
        return Reached("wrong_time" if wrong else "untrusted", exc.verify_message)
    except TimeoutError:
        return Reached("silent", "TLS")
    except OSError as exc:  # ssl.SSLError is one
        return Reached("no_tls", str(exc))
    client = http.client.HTTPSConnection(host)
    client.sock = secured
    with closing(secured), closing(client):
        try:
            client.request("HEAD", _PATH)
            answer = client.getresponse()
        except TimeoutError:
            return Reached("silent", "HTTP")
        except (OSError, http.client.HTTPException) as exc:
            return Reached("no_http", type(exc).__name__)
        said = None
        with suppress(ValueError, TypeError):
            said = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        return Reached("reached", said=said)


def _home(where: AuthorityCase) -> str:
    return str(Path(where.ca_certificate).parent) if where.ca_certificate else ""


CHECKS: Final = (
    Check(
        "portals.authority",
        authority,
        {
            "reached": Outcome.PASS,
            "none": Outcome.NOT_APPLICABLE,
            "agent_missing": Outcome.NOT_MADE,
            "stopped": Outcome.FAIL,
            "lost": Outcome.FAIL,
            "not_started": Outcome.FAIL,
            "no_ca": Outcome.FAIL,
            "other_ca": Outcome.FAIL,
            "name": Outcome.FAIL,
            "no_answer": Outcome.FAIL,
            "no_tls": Outcome.FAIL,
            "untrusted": Outcome.FAIL,
            "wrong_time": Outcome.FAIL,
            "silent": Outcome.FAIL,
            "no_http": Outcome.FAIL,
        },
        when=When.AFTERWARDS,
        deadline_s=12.0,
    ),
    Check(
        "portals.clock",
        clock,
        {
            "right": Outcome.PASS,
            "no_authority": Outcome.NOT_APPLICABLE,
            "not_asked": Outcome.NOT_MADE,
            "wrong": Outcome.FAIL,
            "outside": Outcome.FAIL,
        },
        when=When.AFTERWARDS,
        deadline_s=12.0,
    ),
)
