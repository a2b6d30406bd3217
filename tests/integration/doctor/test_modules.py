"""Modules that are not there, are something else, hang or crash: told apart, never loaded here."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from custode.doctor import patient
from custode_drivers.pkcs11 import checks

from .conftest import Row, Ward

SOURCES = Path(__file__).parents[1] / "modules"
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def build(to: Path, text: str | None = None, *more: str) -> Path:
    """Build a library of a C source; by default the awkward module."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    source = SOURCES / "awkward.c"
    if text is not None:
        source = to.with_suffix(".c")
        source.write_text(text)
    argv = [compiler, "-shared", "-fPIC", "-o", str(to), str(source), f"-I{SOURCES}", *more]
    subprocess.run(argv, check=True, timeout=60, capture_output=True)
    return to


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("modules") / "awkward.so")


def look(ward: Ward, *modules: tuple[Path, str], agent: bool = False) -> list[Row]:
    """Name these modules, each with its awkwardness, and look at them."""
    ward.configure(
        "".join(
            f'[[module]]\npath = "{path}"\nwatch = "none"\nenv = {{ AWKWARD = "{kind}" }}\n'
            for path, kind in modules
        )
    )
    return ward.rows("pkcs11.module", agent=agent)


def test_a_good_module_tells_what_it_is_and_how_long_it_took(
    ward: Ward, awkward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = (
        '#include "awkward.c"\n__attribute__((constructor)) void late(void) { usleep(300000); }\n'
    )
    slow = build(tmp_path / "slow.so", late)
    found, slowly = look(ward, (awkward, "good"), (slow, "good"))
    assert (found["code"], found["about"], found["data"]["tokens"]) == ("works", "awkward.so", 1)
    assert slowly["code"] == "works"
    assert slowly["data"]["load_s"] >= 0.3
    assert str(awkward) not in Path("/proc/self/maps").read_text()
    monkeypatch.setattr(checks, "SLOW_S", 0.3)
    (slowly,) = look(ward, (slow, "good"))
    assert (slowly["code"], slowly["outcome"]) == ("slow", "pass")


def test_no_module(ward: Ward) -> None:
    (found,) = ward.rows("pkcs11.module")
    assert (found["code"], found["outcome"]) == ("none", "fail")


def test_what_is_no_module(ward: Ward, awkward: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("not a library")
    other = tmp_path / "other.so"
    header = bytearray(awkward.read_bytes())
    header[4] = 1 if header[4] == 2 else 2  # EI_CLASS: 32 bits for 64, and the other way round
    other.write_bytes(header)
    plain = build(tmp_path / "plain.so", "int nothing(void) { return 0; }\n")
    part = build(tmp_path / "libpart.so", "int part(void) { return 0; }\n")
    whole = build(
        tmp_path / "whole.so", "int part(void); int whole(void) { return part(); }\n", str(part)
    )
    away = tmp_path / "away"
    part.rename(away)
    missing = tmp_path / "missing.so"
    found = look(ward, *((path, "good") for path in (missing, text, other, plain, whole, tmp_path)))
    assert [one["code"] for one in found] == [
        "missing",
        "not_a_library",
        "other_machine",
        "not_pkcs11",
        "part_missing",
        "not_a_library",
    ]
    assert str(missing) in found[0]["mend"]["step"]
    assert Path(found[4]["data"]["part"]).name == "libpart.so"
    # "Install the package that brings it"
    shutil.copy(awkward, missing)
    away.rename(part)
    found = look(ward, (missing, "good"), (whole, "good"))
    assert [one["code"] for one in found] == ["works", "not_pkcs11"]


def test_modules_that_hang_crash_or_refuse(
    ward: Ward, awkward: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient, "EXAMINE_S", 2.0)
    began = time.monotonic()
    found = look(
        ward,
        (awkward, "sleep:C_Initialize"),
        (awkward, "sleep:C_GetSlotList"),
        (awkward, "crash:C_GetSlotList"),
        (awkward, "strange code"),
    )
    assert [(one["code"], one["data"].get("doing")) for one in found] == [
        ("hangs", "about"),
        ("hangs", "list"),
        ("crashes", "list"),
        ("failed", None),
    ]
    assert "SIGSEGV" in found[2]["what"]
    assert time.monotonic() - began < 15, "they are looked at side by side"
    left = subprocess.run(["pgrep", "-f", str(awkward)], capture_output=True, check=False)
    assert left.returncode == 1, "no worker is left behind"


@pytest.mark.skipif(not SOFTHSM.exists(), reason="SoftHSM is not installed")
def test_the_agents_own_worker_is_used_when_it_runs(ward: Ward, tmp_path: Path) -> None:
    tokens, conf = tmp_path / "tokens", tmp_path / "softhsm2.conf"
    tokens.mkdir()
    conf.write_text(f"directories.tokendir = {tokens}\n")
    ward.configure(
        f'[[module]]\npath = "{SOFTHSM}"\nenv = {{ SOFTHSM2_CONF = "{conf}" }}\n'
        f'watch = "{tokens}"\n'
    )
    custode = [sys.executable, "-m", "custode"]
    env = {"CUSTODE_HOME": str(ward.paths.home), "PATH": f"{Path(sys.executable).parent}:/usr/bin"}
    try:
        (found,) = ward.rows("pkcs11.module", agent=True)
        assert found["code"] == "works"
        assert "SoftHSM" in found["what"]
        assert "stopped" not in ward.paths.log.read_text()
        # Another module is named while the agent runs.
        ward.configure(f'[[module]]\npath = "{SOFTHSM.resolve()}"\nwatch = "none"\n')
        (changed,) = ward.rows("agent.modules", agent=True)
        assert changed["code"] == "changed"
        command = changed["mend"]["command"].split()
        assert command[0] == "custode"
        subprocess.run([*custode, *command[1:]], env=env, check=True, timeout=60)
        assert ward.code("agent.modules", agent=True) == "in_use"
    finally:
        subprocess.run([*custode, "agent", "stop"], env=env, check=True, timeout=60)
