"""A worker and a token before it, as the tests of the suite use them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from custode_drivers.pkcs11 import keys
from custode_drivers.testing.conformance.certificates import (
    COMMON_NAME,
    Public,
    certificate_for,
    spki,
)
from custode_drivers.testing.conformance.stack import Bench, Mean, Stack, Token
from custode_drivers.testing.conformance.worker import Refused, Worker

PATIENCE_S: Final = 30.0
_OPENSSL_S: Final = 30.0
Row = dict[str, Any]


@dataclass
class Desk:
    """One bench, one worker over it, and the token in use; `session` is the last login's."""

    stack: Stack
    bench: Bench
    worker: Worker
    folder: Path
    note: Callable[[str, str], None]
    """Takes what the report tells of the test that runs: kind and text."""
    token: Token = field(init=False)
    who: dict[str, str] = field(default_factory=dict)
    session: str = ""
    _made: list[tuple[Token, dict[str, str], str]] = field(default_factory=list)

    # --- asking -------------------------------------------------------------------------------

    def call(self, method: str, *secrets: bytes, **params: Any) -> Any:
        """Ask about the token itself, without a session."""
        return self.worker.call(method, {"token": self.who, **params}, *secrets)

    def work(self, method: str, *secrets: bytes, **params: Any) -> Any:
        """Ask in the session; what the token wants its SO for is done as the SO."""
        told = {"session": self.session, **params}
        try:
            return self.worker.call(method, told, *secrets)
        except Refused as exc:
            if (exc.code, exc.data) != ("needs_so", {"capability": method}):
                raise
        return self.worker.call(method, {**told, "as_so": True}, self.so_pin)

    def refused(self, asked: Callable[[], Any]) -> Refused:
        """Return the error that something is refused with; not to be refused is a failure."""
        try:
            answer = asked()
        except Refused as exc:
            return exc
        raise AssertionError(f"it was not refused: {answer!r}")

    # --- who is there ---------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Return what `list` tells; a token that cannot be read is a failure."""
        rows: list[Row] = self.worker.call("list")
        mute = [row for row in rows if "unreadable" in row]
        assert not mute, f"unreadable: {mute}"
        return rows

    def row(self) -> Row:
        """Return the token's own row."""
        found = [row for row in self.rows() if _named(row) == self.who]
        assert len(found) == 1, f"{len(found)} rows for one token: {found}"
        return found[0]

    def take(self, token: Token) -> Row:
        """Plug a token in and have it be the one that is meant; it gets its PIN where it has none.

        Modules may see it later than the reader does: it is asked for until it is there.
        """
        before = [_named(row) for row in self.rows()]
        self.token = token
        token.insert()
        self.who = self._appeared(token, before)
        row = self.row()
        if not token.pin_is_set and not row["user_pin_initialized"]:
            officer = (self.so_pin,) if row["has_so_pin"] else ()
            self.call("init_pin", *officer, token.pin)
            row = self.row()
        return row

    def _appeared(self, token: Token, before: list[dict[str, str]]) -> dict[str, str]:
        """Wait for a row that was not there before; or, without removal, that was."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            rows = [_named(row) for row in self.rows()]
            if token.serial is not None:
                found = [row for row in rows if row["serial"] == token.serial]
            elif Mean.REMOVAL in self.stack.lacks:
                found = rows
            else:
                found = [row for row in rows if row not in before]
            if found:
                assert len(found) == 1, f"which one is it: {found}"
                return found[0]
            time.sleep(0.05)
        raise AssertionError("the token is plugged in, and `list` shows none")

    def login(self, pin: bytes | None = None, **more: Any) -> list[Row]:
        """Log in, and return the keys that this opens."""
        answer = self.call("login", self.token.pin if pin is None else pin, **more)
        self.session = answer["session"]
        opened: list[Row] = answer["keys"]
        return opened

    @property
    def wrong_pin(self) -> bytes:
        """A PIN of the right length that is not the token's, and says nothing about it."""
        zeros = b"0" * len(self.token.pin)
        return zeros if zeros != self.token.pin else b"1" * len(zeros)

    def logout(self) -> None:
        self.worker.call("logout", {"session": self.session})

    # --- what the stack can and cannot ------------------------------------------------------------

    def needs(self, *means: Mean) -> None:
        """Skip what the stack has no means for, with the reason it declares."""
        skip_without(self.stack, *means)

    @contextmanager
    def offered(self) -> Iterator[None]:
        """Skip what the token itself says that it does not do."""
        try:
            yield
        except Refused as exc:
            if exc.code != "not_supported":
                raise
            self.not_offered(str(exc.data["capability"]))

    @staticmethod
    def not_offered(what: str) -> None:
        """Skip: it was asked, and says no."""
        pytest.skip(f"not offered: {what}")

    @contextmanager
    def unless(self, name: str, *, always: bool = True) -> Iterator[None]:
        """Expect what follows, unless the stack declares this quirk: then expect its opposite.

        Not `always`: it is a race. Some test of a whole run has to meet it all the same.
        """
        quirk = next((quirk for quirk in self.stack.quirks if quirk.name == name), None)
        if quirk is None:
            yield
            return
        try:
            yield
        except AssertionError:
            self.note("quirk", name)
        else:
            if not always:
                return
            pytest.fail(f"the quirk {name} is no longer true: {quirk.why}")

    @contextmanager
    def pins(self, count: int) -> Iterator[None]:
        """Expect that so many PINs come to the token in what follows, where anybody counts."""
        before = self.token.pins_sent
        yield
        after = self.token.pins_sent
        if before is not None and after is not None:
            assert after - before == count, f"{after - before} PINs were sent, not {count}"

    @property
    def so_pin(self) -> bytes:
        """The SO's PIN; what needs one that nobody gave is skipped."""
        if self.token.so_pin is None:
            self.needs(Mean.SO)
            pytest.fail("the stack has Mean.SO, and its token no so_pin")
        return self.token.so_pin

    # --- keys and certificates ----------------------------------------------------------------

    @property
    def easiest(self) -> str:
        """The kind of key that costs the token least; none to make is a reason to skip."""
        offers: list[str] = self.row()["key_specs"]
        if not offers:
            self.not_offered("making keys")
        return "p256" if "p256" in offers else offers[0]

    def key(self, spec: str | None = None, label: str = "chiave") -> Row:
        """Return a key of the open session: the first that is there, or a new one.

        `spec`: a new one, of this kind. On a token that is needed afterwards what somebody has is
        left alone, where new ones may be made.
        """
        if spec is None:
            keys_there = self.login()
            if keys_there and (self.token.fresh or Mean.CHANGE in self.stack.lacks):
                return keys_there[0]
            self.needs(Mean.CHANGE)
            spec = self.easiest
        with self.offered():
            made: Row = self.work("generate_key", spec=spec, label=label)
        self.made(made)
        return made

    def made(self, key: Row) -> None:
        """Remember a key that was made here."""
        self._made.append((self.token, self.who, key["key_id"]))

    def tidy(self) -> None:
        """Take the keys away that were made on a token that is needed afterwards."""
        for token, who, key_id in self._made:
            if token.fresh:
                continue
            self.token, self.who = token, who
            with suppress(Refused):
                self.login()
            for method in ("remove_certificate", "destroy_key"):
                with suppress(Refused):
                    self.work(method, key_id=key_id)

    def certify(self, key: Row, serial: int = 1, label: str = "certificato") -> bytes:
        """Install a certificate for a key of the open session, and return it."""
        der = certificate_for(key["public_key"], serial)
        with self.offered():
            self.work("install_certificate", key_id=key["key_id"], der=der, label=label)
        return der

    def check(self, key: Row) -> None:
        """A key signs: its challenge and its request, which openssl judges."""
        named = {"session": self.session, "key_id": key["key_id"]}
        public = load_der_public_key(key["public_key"])
        assert isinstance(public, Public)
        asked = {**named, "public_key": key["public_key"]}
        proof = self.worker.call("challenge", asked)
        keys.verify(public, proof["signature"], proof["challenge"], hashes.SHA256())
        self.check_request(key)

    def check_request(self, key: Row) -> None:
        """Openssl agrees with a key's request (RFC 2986), and it is for that key."""
        asked = {"session": self.session, "key_id": key["key_id"], "common_name": COMMON_NAME}
        csr = self.worker.call("csr", asked)["csr"]
        path = self.folder / "request.der"
        path.write_bytes(csr)
        judged = subprocess.run(
            ["openssl", "req", "-verify", "-noout", "-inform", "DER", "-in", path],
            capture_output=True,
            text=True,
            check=False,
            timeout=_OPENSSL_S,
        )
        told = judged.stdout + judged.stderr
        assert judged.returncode == 0, told
        assert "verify OK" in told
        request = x509.load_der_x509_csr(csr)
        assert [part.value for part in request.subject] == [COMMON_NAME]
        made_for = request.public_key()
        assert isinstance(made_for, Public)
        assert spki(made_for) == key["public_key"]


def _named(row: Row) -> dict[str, str]:
    return {name: row[name] for name in ("manufacturer", "model", "serial")}


def skip_without(stack: Stack, *means: Mean) -> None:
    """Skip a test that needs what a stack lacks, with the reason it declares."""
    for mean in means:
        if mean in stack.lacks:
            pytest.skip(f"no means ({mean}): {stack.lacks[mean]}")
