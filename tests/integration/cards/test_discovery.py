"""A card that is put into a reader is served by itself: nothing of it stands in config.toml."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from custode_drivers.testing.openpgp import OpenPgpCard
from custode_drivers.testing.pcscd import PcscDaemon
from custode_drivers.testing.piv import ATR as PIV_ATR
from custode_drivers.testing.piv import PivCard
from custode_drivers.testing.vpcd import VirtualCard

from .agents import PATIENCE_S, Desk, desk
from .judges import OPENSC, YKCS11

AWKWARD: Final = Path(__file__).parents[1] / "modules" / "awkward.c"
STRANGE: Final = bytes.fromhex("3b0400040000")


class StrangeCard(VirtualCard):
    """One that is made for nobody: it refuses whatever it is told."""

    def __init__(self) -> None:
        super().__init__(STRANGE)

    def process(self, command: bytes) -> bytes:
        return bytes.fromhex("6d00")

    def signalled(self, signal: int) -> None:
        pass


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """The only folder that modules are looked for in; both vendors' are there."""
    folder = tmp_path / "lib"
    folder.mkdir()
    for module in (YKCS11, OPENSC):
        assert module is not None
        (folder / module.name).symlink_to(module)
    return folder


def settings(libraries: Path, *more: str) -> str:
    return "\n".join([f'folders = ["{libraries}"]', "p11_kit = []", *more])


@pytest.fixture
def at(pcscd: PcscDaemon, libraries: Path, tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home", [], settings(libraries)) as opened:
        yield opened


def workers(at: Desk) -> list[int]:
    """Children of the agent."""
    children = Path(f"/proc/{at.process.pid}/task/{at.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def card(at: Desk) -> dict[str, Any]:
    (row,) = at.status()["cards"]
    found: dict[str, Any] = row
    return found


def test_two_kinds_of_card_each_find_their_module_and_it_is_remembered(
    at: Desk, pcscd: PcscDaemon, openpgp_card: OpenPgpCard, tmp_path: Path, libraries: Path
) -> None:
    piv = PivCard(serial=1001)
    assert workers(at) == []  # no card, no module
    assert at.status()["modules"] == []
    pcscd.readers[0].insert(piv)
    assert at.until("token_inserted")["serial"] == "1001"
    at.until("gate_opened")
    assert at.names() == ["gate_closed", "module_chosen", "token_inserted", "gate_opened"]
    assert (card(at)["name"], card(at)["state"], card(at)["why"]) == ("YubiKey 5", "served", "card")
    pcscd.readers[1].insert(openpgp_card)
    inserted = at.until("token_inserted")
    assert inserted["module"] == "opensc-pkcs11.so"
    at.until("gate_opened")
    # OpenSC could show the PIV card as well: it is one token all the same.
    assert len(at.serials()) == 2
    rows = {row["name"]: row for row in at.status()["modules"]}
    assert {name: (row["state"], row["why"]) for name, row in rows.items()} == {
        YKCS11.name: ("works", "card"),  # type: ignore[union-attr] # installed
        "opensc-pkcs11.so": ("works", "card"),
    }
    assert rows["opensc-pkcs11.so"]["cards"][0]["reader"] == pcscd.readers[1].name
    told = at.command("status").stdout
    assert "YKCS11 (libykcs11.so" in told
    assert "works, chosen by the kind of card" in told
    assert "through opensc-pkcs11.so" in at.command("token", "list").stdout
    pcscd.readers[0].remove()
    assert at.until("token_removed")["serial"] == "1001"
    pcscd.readers[1].remove()
    at.until("token_removed")
    assert at.serials() == []
    # What a card still stirs up in a module that another card left is read to its end first.
    at.settle(lambda now: (now["modules"], now["drivers"]) == ([], []))
    at.client.call("agent.stop")
    at.process.wait(PATIENCE_S)
    with desk(tmp_path / "home", [], settings(libraries)) as again:
        pcscd.readers[1].insert(piv)
        again.until("token_inserted")
        assert (card(again)["module"], card(again)["why"]) == (YKCS11 and YKCS11.name, "remembered")
        assert "as for such a card before" in again.command("status").stdout


def test_a_card_that_nobody_knows_is_told_with_what_to_do(at: Desk, pcscd: PcscDaemon) -> None:
    pcscd.readers[0].insert(StrangeCard())
    assert at.until("card_unknown")["atr"] == STRANGE.hex()
    at.until("gate_opened")  # and it keeps nobody from anything
    assert at.names() == ["gate_closed", "card_unknown", "gate_opened"]
    row = card(at)
    assert (row["state"], row["module"]) == ("unknown", None)
    assert [(one["title"], one["state"]) for one in row["tried"]] == [("OpenSC", "no_token")]
    told = at.command("status").stdout
    assert "known to no module" in told
    assert "OpenSC: shows no token on it" in told
    assert "[[modules.card]]\n" in told
    assert f'atr = "{STRANGE.hex()}"\n' in told
    refused = at.command("token", "init", "--so-pin-source", "fd:0", "--new-pin-source", "fd:0")
    assert refused.returncode == 11
    assert "is known to no module" in refused.stderr


def test_a_module_that_is_missing_is_named_with_its_package_and_the_next_one_serves(
    at: Desk, pcscd: PcscDaemon, libraries: Path
) -> None:
    (libraries / "libykcs11.so").unlink(missing_ok=True)
    (libraries / "libykcs11.so.2").unlink(missing_ok=True)
    pcscd.readers[0].insert(PivCard(serial=1001))
    assert at.until("token_inserted")["module"] == "opensc-pkcs11.so"
    (missing,) = card(at)["tried"]
    assert (missing["state"], missing["package"], missing["path"]) == ("missing", "ykcs11", None)
    assert "YKCS11: not installed (Debian: apt install ykcs11)" in at.command("status").stdout
    pcscd.readers[0].remove()
    at.until("token_removed")
    (libraries / "opensc-pkcs11.so").unlink()
    pcscd.readers[0].insert(PivCard(serial=1001))
    at.until("card_unknown")
    told = at.command("status").stdout
    assert "(YubiKey 5): no module shows it" in told
    assert "OpenSC: not installed (Debian: apt install opensc-pkcs11)" in told
    # Such a card was shown before: it may well be the original, and nobody can read it.
    reasons = at.status()["gate"]["reasons"]
    assert "token_unreadable" in [reason["code"] for reason in reasons]


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    built = tmp_path_factory.mktemp("modules") / "awkward.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(built), str(AWKWARD)]
    subprocess.run(command, check=True, timeout=60)
    return built


def entry(module: Path | str, atr: bytes = PIV_ATR, **env: str) -> str:
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in env.items())
    return f'[[modules.card]]\natr = "{atr.hex()}"\nmodule = "{module}"\nenv = {{ {pairs} }}'


def test_modules_that_crash_hang_or_are_none_leave_the_card_to_the_next(
    pcscd: PcscDaemon, libraries: Path, tmp_path: Path, awkward: Path
) -> None:
    crashes, hangs, none = (tmp_path / f"{name}.so" for name in ("crashes", "hangs", "none"))
    shutil.copy(awkward, crashes)
    shutil.copy(awkward, hangs)
    none.write_text("no library\n")
    entries = [
        entry(crashes, AWKWARD="crash:C_Initialize"),
        entry(none),
        entry(tmp_path / "missing.so"),
        entry(hangs, AWKWARD="sleep:C_Initialize"),
        entry("ykcs11"),
    ]
    with desk(tmp_path / "home", [], settings(libraries, *entries)) as at:
        pcscd.readers[0].insert(PivCard(serial=1001))
        at.until("gate_closed")
        at.until("module_failed", lambda event: event["module"] == "none.so")
        assert card(at)["state"] == "identifying"
        codes = [reason["code"] for reason in at.status()["gate"]["reasons"]]
        assert "token_not_identified" in codes  # all the while
        assert at.until("token_inserted")["serial"] == "1001"
        at.until("gate_opened")
        assert "gate_opened" not in at.names()[:-1]
        tried = [(one["name"], one["state"]) for one in card(at)["tried"]]
        assert tried == [
            ("crashes.so", "failed"),
            ("none.so", "failed"),
            ("missing.so", "missing"),
            ("hangs.so", "failed"),
        ]
        assert all(one["reason"] for one in card(at)["tried"] if one["state"] == "failed")
        assert [row["module"] for row in at.status()["drivers"]] == [YKCS11 and YKCS11.name]
        assert "crashes.so: does not work" in at.command("status").stdout


def test_a_card_that_is_swapped_while_its_modules_are_tried(
    pcscd: PcscDaemon, libraries: Path, tmp_path: Path, awkward: Path, openpgp_card: OpenPgpCard
) -> None:
    hangs = tmp_path / "hangs.so"
    shutil.copy(awkward, hangs)
    hang = entry(hangs, AWKWARD="sleep:C_Initialize")
    with desk(tmp_path / "home", [], settings(libraries, hang)) as at:
        pcscd.readers[0].insert(PivCard(serial=1001))
        at.until("gate_closed")
        pcscd.readers[0].remove()
        at.until("gate_opened")
        pcscd.readers[0].insert(openpgp_card)
        assert at.until("token_inserted")["module"] == "opensc-pkcs11.so"
        assert card(at)["state"] == "served"


def test_the_configuration_comes_before_the_catalogue_and_may_ignore_a_card(
    pcscd: PcscDaemon, libraries: Path, tmp_path: Path
) -> None:
    ignored = f'[[modules.card]]\natr = "{STRANGE.hex()}"\nignore = true'
    entries = settings(libraries, entry("opensc"), ignored)
    with desk(tmp_path / "home", [], entries) as at:
        pcscd.readers[0].insert(PivCard(serial=1001))
        assert at.until("token_inserted")["module"] == "opensc-pkcs11.so"
        pcscd.readers[1].insert(StrangeCard())
        at.until("gate_closed")
        at.until("gate_opened")
        states = {row["atr"]: row["state"] for row in at.status()["cards"]}
        assert states == {PIV_ATR.hex(): "served", STRANGE.hex(): "ignored"}
        assert "ignored, as" in at.command("status").stdout
        shown = at.command("config", "show").stdout
        assert "modules.discover" in shown
        assert "modules.card" in shown


def test_a_module_of_p11_kits_list_is_asked_before_the_one_for_every_card(
    pcscd: PcscDaemon, libraries: Path, tmp_path: Path, openpgp_card: OpenPgpCard
) -> None:
    assert OPENSC is not None
    lists = tmp_path / "modules"
    lists.mkdir()
    vendor = tmp_path / "vendor-pkcs11.so"
    shutil.copy(OPENSC, vendor)
    (lists / "vendor.module").write_text(f"module: {vendor}\npriority: 3\n")
    (lists / "p11-kit-trust.module").write_text("module: p11-kit-trust.so\ntrust-policy: yes\n")
    (lists / "not-us.module").write_text(f"module: {tmp_path}/not-us.so\nenable-in: firefox\n")
    (libraries / "opensc-pkcs11.so").unlink()
    said = f'folders = ["{libraries}"]\np11_kit = ["{lists}"]'
    with desk(tmp_path / "home", [], said) as at:
        pcscd.readers[0].insert(openpgp_card)
        assert at.until("token_inserted")["module"] == "vendor-pkcs11.so"
        assert (card(at)["module"], card(at)["why"]) == ("vendor-pkcs11.so", "p11-kit")
        assert [(one["title"], one["state"]) for one in card(at)["tried"]] == [
            ("OpenSC", "missing")
        ]
        assert "from p11-kit's list" in at.command("status").stdout


def test_a_configured_module_serves_its_cards_and_the_others_are_looked_for(
    pcscd: PcscDaemon, libraries: Path, tmp_path: Path, openpgp_card: OpenPgpCard
) -> None:
    with desk(tmp_path / "home", [YKCS11], settings(libraries)) as at:
        pcscd.readers[0].insert(PivCard(serial=1001))
        assert at.until("token_inserted")["serial"] == "1001"
        pcscd.readers[1].insert(openpgp_card)
        assert at.until("token_inserted")["module"] == "opensc-pkcs11.so"
        why = {row["module"]: row["why"] for row in at.status()["cards"]}
        assert why == {YKCS11 and YKCS11.name: "config", "opensc-pkcs11.so": "card"}
        assert len(at.serials()) == 2
        assert os.path.realpath(at.status()["modules"][0]["path"]) == os.path.realpath(str(YKCS11))
