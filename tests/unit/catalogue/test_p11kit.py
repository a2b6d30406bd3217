"""p11-kit's list of modules, read from folders of our own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from custode_drivers.catalogue import p11kit


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def names(*folders: Path, program: str = "custode") -> list[str]:
    return [one.name for one in p11kit.listed([str(one) for one in folders], program)]


def test_lines_are_names_and_values_and_the_rest_is_passed_over(tmp_path: Path) -> None:
    write(
        tmp_path,
        "card.module",
        "# a comment\n\n  module :  /lib/card.so  \npriority: 7\nx-custom: a: b\nnonsense\n",
    )
    write(tmp_path, "card.txt", "module: /lib/other.so\n")
    (listed,) = p11kit.listed([str(tmp_path), str(tmp_path / "nowhere")])
    assert listed == p11kit.Listed("card", Path("/lib/card.so"), 7)


def test_the_order_is_priority_then_name_and_sources_of_trust_come_last(tmp_path: Path) -> None:
    write(tmp_path, "b.module", "module: /b.so\n")
    write(tmp_path, "a.module", "module: /a.so\npriority: high\n")  # no number: none
    write(tmp_path, "c.module", "module: /c.so\npriority: 2\n")
    write(tmp_path, "t.module", "module: /t.so\npriority: 9\ntrust-policy: yes\n")
    assert names(tmp_path) == ["c", "a", "b", "t"]


@pytest.mark.parametrize(
    ("setting", "listed"),
    [
        ("enable-in: firefox, custode", True),
        ("enable-in: firefox", False),
        ("disable-in: firefox custode", False),
        ("disable-in: firefox", True),
        ("remote: unix:path=/run/x", False),
        ("module:", False),
    ],
)
def test_who_a_module_is_for(tmp_path: Path, setting: str, listed: bool) -> None:
    write(tmp_path, "card.module", f"module: /card.so\n{setting}\n")
    assert names(tmp_path) == (["card"] if listed else [])


def test_a_folder_of_higher_rank_changes_single_settings(tmp_path: Path) -> None:
    user, system = tmp_path / "user", tmp_path / "system"
    write(system, "card.module", "module: /card.so\npriority: 1\n")
    write(system, "gone.module", "module: /gone.so\n")
    write(user, "card.module", "priority: 5\n")
    write(user, "gone.module", "module:\n")
    assert p11kit.listed([str(user), str(system)]) == (p11kit.Listed("card", Path("/card.so"), 5),)


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("", ["system", "user"]),
        ("merge", ["system", "user"]),
        ("none", ["system"]),
        ("only", ["user"]),
    ],
)
def test_the_system_says_whether_its_user_has_a_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, expected: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    system = tmp_path / "etc" / "modules"
    write(tmp_path / "home" / ".config" / "pkcs11" / "modules", "user.module", "module: /user.so\n")
    write(system, "system.module", "module: /system.so\n")
    if says:
        write(tmp_path / "etc", "pkcs11.conf", f"user-config: {says}\n")
    told = p11kit.listed(["~/.config/pkcs11/modules", str(system)])
    assert sorted(one.name for one in told) == expected


def test_a_module_without_a_folder_lies_where_p11_kit_looks(tmp_path: Path) -> None:
    write(tmp_path, "opensc.module", "module: opensc-pkcs11.so\n")
    write(tmp_path, "none.module", "module: not-there.so\n")
    told = {one.name: one.path for one in p11kit.listed([str(tmp_path)])}
    assert told["opensc"].is_file()
    assert told["none"].is_absolute()


def test_p11_kit_itself_lists_the_same_of_this_system() -> None:
    """The judge: names of modules, without the one that it shows to itself alone."""
    told = subprocess.run(
        ["p11-kit", "list-modules"],
        env={**os.environ, "PCSCLITE_CSOCK_NAME": "/nowhere"},  # names only, and no card
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    theirs = {line.split(":")[0].strip() for line in told.stdout.splitlines() if line[:1].strip()}
    ours = set(names(*map(Path, p11kit.FOLDERS)))
    assert theirs <= ours | {"p11-kit-trust"}
    assert ours
