"""The catalogue's data: every row can be read, can be reached, and says where it comes from."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from custode_drivers.catalogue import installed
from custode_drivers.catalogue.atr import AtrMask
from custode_drivers.catalogue.table import CardRow, Kind, ModuleRow, catalogue
from custode_drivers.testing.piv import ATR as PIV

CATALOGUE = catalogue()
CARDS = [pytest.param(row, id=f"{row.name}, {row.atr}") for row in CATALOGUE.cards]
MODULES = [pytest.param(row, id=row.id) for row in CATALOGUE.modules.values()]


@pytest.mark.parametrize("row", CARDS)
def test_a_card_has_a_shape_that_its_own_atr_fits(row: CardRow) -> None:
    atr = bytes.fromhex(row.atr)
    assert atr[0] in {0x3B, 0x3F}  # direct or inverse convention (ISO 7816-3 §8.1)
    assert row.shape.fits(atr)
    assert row.shape.mask[0] == 0xFF  # at least that counts
    assert sum(byte.bit_count() for byte in row.shape.mask) >= 3 * len(atr)
    # T0: how many historical bytes there are; the interface bytes and TCK come on top (§8.2.2)
    assert len(atr) >= 2 + (atr[1] & 0x0F)


@pytest.mark.parametrize("row", CARDS)
def test_a_card_names_modules_that_are_known_and_its_source(row: CardRow) -> None:
    assert row.modules
    assert len(set(row.modules)) == len(row.modules)
    assert all(CATALOGUE.modules[one].kind is Kind.CARD for one in row.modules)
    assert len(row.source) > 10
    assert row.tested == "no" or row.tested.startswith("yes: ")


def test_no_card_is_hidden_by_one_before_it() -> None:
    for before, row in combinations(CATALOGUE.cards, 2):
        assert not before.shape.covers(row.shape), f"{row.name} is never reached: {before.name}"


@pytest.mark.parametrize("row", MODULES)
def test_a_module_says_where_it_lies_and_where_it_comes_from(row: ModuleRow) -> None:
    assert row.files
    assert all(one.startswith(("{lib}/", "/")) for one in row.files)
    assert len(row.source) > 10
    assert row.tested.startswith(("yes: ", "no"))
    assert bool(row.when) is (row.kind is Kind.FIXED)
    if row.kind is Kind.CARD:
        assert bool(row.package) is not bool(row.get)  # what to do when it is missing


def test_every_module_for_cards_is_wanted_by_some_card() -> None:
    wanted = {one for row in CATALOGUE.cards for one in row.modules}
    cards = {row.id for row in CATALOGUE.modules.values() if row.kind is Kind.CARD}
    assert cards == wanted
    assert [row.id for row in CATALOGUE.modules.values() if row.any] == ["opensc"]


@pytest.mark.parametrize(
    ("atr", "name", "modules"),
    [
        (PIV.hex(), "YubiKey 5", ["ykcs11", "opensc"]),
        # A CNS by InfoCert, of a row with a mask; the row for every CNS adds what it knows.
        (
            "3BFF1800FF8131FE55006B0209020001110143 4E5311318 08E".replace(" ", ""),
            "CNS by Incard (Aruba, InfoCert, chambers of commerce)",
            ["bit4xpki", "incryptoki2", "bit4ipki", "opensc", "bit4opki"],
        ),
        ("3B FF 18 00 00 81 31 FE 45 00 6B 99 99 99 20 01 F1 01 43 4E 53 10 31 80 38", "CNS", None),
        (
            "3B DA 11 FF 81 B1 FE 55 1F 03 00 31 84 73 80 01 80 05 90 00 E1",
            "Gnuk, Nitrokey Start",
            ["opensc"],
        ),
        ("3B 04 00 04 00 00", None, []),
    ],
)
def test_which_card_is_which(atr: str, name: str | None, modules: list[str] | None) -> None:
    rows = list(CATALOGUE.matching(bytes.fromhex(atr)))
    assert (rows[0].name if rows else None) == name
    if modules is not None:
        assert list(dict.fromkeys(one for row in rows for one in row.modules)) == modules


@pytest.mark.parametrize(
    ("atr", "mask"),
    [
        ("3B", ""),
        ("3B 04 0", ""),
        ("nonsense", ""),
        ("3B 04", "FF"),
        ("3B" * 34, ""),
        ("3B 04", "FF F"),
    ],
)
def test_what_is_no_atr_is_refused(atr: str, mask: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        AtrMask.parse(atr, mask)


def test_only_the_bits_of_the_mask_count() -> None:
    mask = AtrMask.parse("3b:04:f0", "ff:ff:f0")
    assert mask.fits(bytes.fromhex("3b04ff"))
    assert not mask.fits(bytes.fromhex("3b04ef"))
    assert not mask.fits(bytes.fromhex("3b04"))
    assert mask.covers(AtrMask.parse("3B04FA"))
    assert not AtrMask.parse("3B04FA").covers(mask)
    assert not mask.covers(AtrMask.parse("3B04"))


def test_a_module_is_found_in_the_folders_that_are_named_in_their_order(tmp_path: Path) -> None:
    row = CATALOGUE.modules["ykcs11"]
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    assert installed.found(row, [first, second]) is None
    (second / "libykcs11.so.2").write_bytes(b"")
    assert installed.found(row, [first, second]) == second / "libykcs11.so.2"
    (first / "libykcs11.so").write_bytes(b"")
    assert installed.found(row, [first, second]) == first / "libykcs11.so"
    (first / "libykcs11.so").unlink()
    (first / "libykcs11.so").symlink_to("gone")
    assert installed.found(row, [first, second]) == second / "libykcs11.so.2"


def test_a_library_for_another_size_of_word_is_none_of_ours(tmp_path: Path) -> None:
    library = tmp_path / "opensc-pkcs11.so"
    library.write_bytes(b"\x7fELF" + bytes([installed._CLASS_OF_US]))
    assert installed.found(CATALOGUE.modules["opensc"], [tmp_path]) == library
    library.write_bytes(b"\x7fELF" + bytes([3 - installed._CLASS_OF_US]))
    assert installed.found(CATALOGUE.modules["opensc"], [tmp_path]) is None


def test_places_of_a_vendor_count_only_on_the_system_itself(tmp_path: Path) -> None:
    places = (str(tmp_path / "vendor-*" / "x.so"),)
    row = ModuleRow(id="x", title="X", kind=Kind.CARD, files=places, source="-", tested="no")
    (tmp_path / "vendor-2").mkdir()
    (tmp_path / "vendor-2" / "x.so").write_bytes(b"")
    assert installed.found(row) == tmp_path / "vendor-2" / "x.so"
    assert installed.found(row, [tmp_path]) is None


def test_a_fixed_module_is_here_when_its_store_is(tmp_path: Path) -> None:
    row = ModuleRow(
        id="x",
        title="X",
        kind=Kind.FIXED,
        files=("/x",),
        source="-",
        tested="no",
        when=(str(tmp_path / "store"),),
    )
    assert not installed.is_here(row)
    (tmp_path / "store").write_bytes(b"")
    assert installed.is_here(row)


def test_the_systems_own_folders_begin_with_this_machines() -> None:
    folders = installed.library_folders()
    assert Path("/usr/lib") in folders
    assert len(folders) == len(set(folders))
    assert installed.found(CATALOGUE.modules["opensc"]) is not None  # make setup installs it
