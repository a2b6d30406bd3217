"""Under which CKA_ID a key is made, and what a token says that it can make."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pkcs11 import Attribute, KeyType, Mechanism

from custode_drivers.pkcs11 import generating, public
from custode_drivers.pkcs11.cryptoki import Cryptoki


def fixed(used: set[bytes], *, several_doors: bool = False) -> list[int]:
    """The places, without the made-up id before them."""
    made_up, *places = generating.places(used, several_doors=several_doors)
    assert len(made_up) == 16
    assert made_up[0] > 0x18  # or ykcs11 would take it for the place of that number
    assert all(len(place) == 1 for place in places)
    return [place[0] for place in places]


def test_a_taken_place_is_never_tried_and_one_without_a_pin_neither() -> None:
    places = fixed({b"\x01", b"\x03", b"\x01\x02"})
    assert places[:2] == [2, 5]
    assert not {1, 3, 4} & set(places)


def test_behind_several_pins_only_the_first_ones_key_will_do() -> None:
    assert fixed(set(), several_doors=True) == [3]
    assert fixed({b"\x03"}, several_doors=True) == []


@pytest.mark.parametrize(
    ("asked", "harmless"),
    [
        (b"\x02", b"\x02"),  # a place, named on purpose
        (b"\x02\xaa\xbb", b"\xc5\xaa\xbb"),  # ykcs11 would overwrite 9C
        (b"\x18\xaa", b"\xc5\xaa"),
        (b"\x19\xaa", b"\x19\xaa"),
        (b"\x00\xaa", b"\x00\xaa"),
    ],
)
def test_a_long_id_does_not_begin_with_the_number_of_a_place(asked: bytes, harmless: bytes) -> None:
    assert generating.harmless(asked) == harmless


@pytest.mark.parametrize(
    ("rsa", "ec", "specs"),
    [
        ((1024, 2048), (256, 384), ["rsa2048", "p256", "p384"]),
        ((2048, 4096), None, ["rsa2048", "rsa3072", "rsa4096"]),
        ((128, 256), None, ["rsa2048"]),  # in bytes
        (None, (256, 256), ["p256"]),
        (None, None, []),
    ],
)
def test_what_a_token_can_make_is_asked_of_it(
    rsa: tuple[int, int] | None, ec: tuple[int, int] | None, specs: list[str]
) -> None:
    told = {Mechanism.RSA_PKCS_KEY_PAIR_GEN: rsa, Mechanism.EC_KEY_PAIR_GEN: ec}
    card = SimpleNamespace(key_sizes=lambda slot, mechanism, flag: told[mechanism])
    assert list(generating.can_make(cast("Cryptoki", card), 0)) == specs


@pytest.mark.parametrize("name", ["secp256r1", "secp384r1"])
def test_a_curve_is_known_by_its_name_and_by_its_numbers(name: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec as curves
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curve = {"secp256r1": curves.SECP256R1(), "secp384r1": curves.SECP384R1()}[name]
    half = curves.generate_private_key(curve).public_key()
    point = half.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    order, x = public._EXPLICIT[name]
    for parameters in (public.CURVE_PARAMETERS[name], b"\x30\x81\xf7" + x + order):
        key: Any = {
            Attribute.KEY_TYPE: KeyType.EC,
            Attribute.EC_PARAMS: parameters,
            Attribute.EC_POINT: point,
        }
        assert public.public_from(key) == half
