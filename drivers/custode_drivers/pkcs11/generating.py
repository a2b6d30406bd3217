"""Making a key pair on a token: what it can make, under which CKA_ID, and what it really made.

Some tokens take any CKA_ID, some have a few fixed places for keys: PIV 01 to 18 (ykcs11; 01, 02, 03
are 9A, 9C, 9D of SP 800-73-4, table 4b), OpenPGP 01 to 03 (OpenSC). Which kind one is, is tried.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT

from custode_drivers.api.errors import IntegrityError, KeyExists, NotSupported, TokenFull
from custode_drivers.api.types import KeyMade, KeySpec
from custode_drivers.pkcs11 import objects, public
from custode_drivers.pkcs11.ckr import Ckr, ckr_of
from custode_drivers.pkcs11.cryptoki import Cryptoki
from custode_drivers.pkcs11.layout import CKF_GENERATE_KEY_PAIR
from custode_drivers.pkcs11.templates import Template

log = logging.getLogger(__name__)

_RSA_BITS: Final = {KeySpec.RSA2048: 2048, KeySpec.RSA3072: 3072, KeySpec.RSA4096: 4096}
_EC_CURVES: Final = {KeySpec.P256: "secp256r1", KeySpec.P384: "secp384r1"}
_MOST_BYTES: Final = 1024  # a largest RSA key of so little means bytes
_EC_BITS: Final = {KeySpec.P256: 256, KeySpec.P384: 384}
_SIGNING: Final = MechanismFlag.SIGN | MechanismFlag.VERIFY

# ykcs11 looks at the first byte of an id alone, and would overwrite the key in that place: so a
# made-up id begins with a byte that names none.
_NO_PLACE: Final = b"\xc5"
_MADE_UP_BYTES: Final = 16
_PLACES: Final = 0x18
# 04 is PIV's 9E, whose key signs for anybody, without a PIN (SP 800-73-4 §3.1.3).
_WITHOUT_PIN: Final = 0x04
# On a card with several PINs (`Module.doors`) a key behind another one than the session's is no
# use in it. OpenSC's OpenPGP card: 03 lies behind the first one; so does 02, but it only decrypts.
_BEHIND_FIRST_DOOR: Final = 0x03

_SPEC_REFUSED: Final = frozenset(
    {Ckr.KEY_SIZE_RANGE, Ckr.MECHANISM_INVALID, Ckr.FUNCTION_NOT_SUPPORTED, 0x130, 0x140}
)
"""The last two are CKR_DOMAIN_PARAMS_INVALID and CKR_CURVE_NOT_SUPPORTED (v2.40)."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key just made: under which id it was asked for, and its public half if that can be read."""

    key_id: bytes
    half: public.PublicKey | None


def can_make(cryptoki: Cryptoki, slot_id: int) -> tuple[KeySpec, ...]:
    """Return what a token says that it can make (C_GetMechanismInfo, PKCS #11 v3.1 §5.5.9)."""
    found: list[KeySpec] = []
    for mechanism, sizes in (
        (pkcs11.Mechanism.RSA_PKCS_KEY_PAIR_GEN, _RSA_BITS),
        (pkcs11.Mechanism.EC_KEY_PAIR_GEN, _EC_BITS),
    ):
        limits = cryptoki.key_sizes(slot_id, mechanism, CKF_GENERATE_KEY_PAIR)
        if limits is None:
            continue
        low, high = limits
        if mechanism is pkcs11.Mechanism.RSA_PKCS_KEY_PAIR_GEN and 0 < high <= _MOST_BYTES:
            low, high = low * 8, high * 8  # some modules count so, though §6.1.1 says bits
        found += [spec for spec, bits in sizes.items() if low <= bits <= high or not high]
    return tuple(found)


def places(used: set[bytes], *, several_doors: bool) -> Iterator[bytes]:
    """Return CKA_IDs to try, the best first; never one that is taken."""
    yield _NO_PLACE + secrets.token_bytes(_MADE_UP_BYTES - 1)
    fixed = range(1, _PLACES + 1) if not several_doors else (_BEHIND_FIRST_DOOR,)
    yield from (bytes([n]) for n in fixed if n != _WITHOUT_PIN and bytes([n]) not in used)


def harmless(key_id: bytes) -> bytes:
    """Return an id under which nothing can be overwritten by mistake: itself, or a made-up one.

    One byte names a place on purpose; a longer id must not begin with the number of one.
    """
    if len(key_id) == 1 or not 0 < key_id[0] <= _PLACES:
        return key_id
    return _NO_PLACE + key_id[1:]


def generate(
    session: pkcs11.Session, spec: KeySpec, label: str, ids: Iterator[bytes], *, copyable: bool
) -> Made:
    """Make a key pair under the first id that the token takes.

    Only a `copyable` one may ever leave the token, wrapped.

    :raises TokenFull: when it takes none of them
    """
    for key_id in ids:
        try:
            made = _generate(session, spec, label, key_id, copyable=copyable)
        except pkcs11.PKCS11Error as exc:
            if ckr_of(exc) in objects.ID_REFUSED:
                log.info("CKA_ID %s: %r", key_id.hex(), exc)
                continue
            if ckr_of(exc) in _SPEC_REFUSED:
                raise NotSupported(capability=f"key {spec}") from exc
            if isinstance(exc, pkcs11.GeneralError) and key_id in objects.used_ids(session):
                raise KeyExists(key_id=key_id.hex()) from exc  # OpenSC's word for it
            raise
        try:
            return Made(key_id, public.public_from(made))
        except (pkcs11.PKCS11Error, NotSupported, ValueError) as exc:
            log.info("the new key cannot be read yet: %r", exc)  # OpenSC, until it looks anew
            return Made(key_id, None)
    raise TokenFull


def settle(session: pkcs11.Session, made: Made, *, copyable: bool) -> KeyMade:
    """Find the key that was made, as its user sees it, and name it by its public half if it can be.

    CKA_ID becomes the subject key identifier; a token that does not let it be set keeps its own.

    :raises NotSupported: when another of the card's PINs guards it, and when a copyable key could
        not leave the token
    :raises IntegrityError: when a key that was to stay could leave the token
    """
    private = None
    if made.half is not None:
        private = objects.with_public_half(session, made.half, made.key_id)
    if private is None:
        found = objects.find(session, ObjectClass.PRIVATE_KEY, made.key_id)
        if len(found) != 1:
            raise NotSupported(capability="key behind another PIN of this card")
        private = found[0]
    if copyable != objects.may_leave(private):
        objects.destroy_all(session, private[Attribute.ID])
        if copyable:
            raise NotSupported(capability="copyable")  # it was asked for and not done
        raise IntegrityError(what="key_extractable")
    half = public.public_of(session, private)
    if half is None:
        raise NotSupported(capability="public_key")
    _sign_only(private)
    rename(session, private, public.key_identifier(half))
    return KeyMade(private[Attribute.ID].hex(), public.spki(half))


def rename(session: pkcs11.Session, private: pkcs11.PrivateKey, key_id: bytes) -> None:
    """Give both halves of a key another CKA_ID, as far as the token lets that be.

    One that lies in a fixed place keeps its name: OpenSC takes another one, and has forgotten it
    when it looks anew.
    """
    before = private[Attribute.ID]
    if before == key_id or len(before) == 1:
        return
    halves = objects.find(session, ObjectClass.PUBLIC_KEY, before)
    try:
        private[Attribute.ID] = key_id
    except pkcs11.PKCS11Error as exc:
        log.info("CKA_ID cannot be changed: %r", exc)
        return
    try:
        for half in halves:
            half[Attribute.ID] = key_id
    except pkcs11.PKCS11Error as exc:
        log.info("CKA_ID of the public key cannot be changed: %r", exc)
        private[Attribute.ID] = before  # the two must stay together


def _sign_only(private: pkcs11.Object) -> None:
    """Take from a key the right to decrypt, as far as the token lets that be taken."""
    with suppress(pkcs11.PKCS11Error):
        if private[Attribute.DECRYPT]:
            private[Attribute.DECRYPT] = False


def _generate(
    session: pkcs11.Session, spec: KeySpec, label: str, key_id: bytes, *, copyable: bool
) -> pkcs11.PublicKey:
    # Neither yes nor no to ENCRYPT and DECRYPT: told no, tpm2-pkcs11 1.9 makes a key that may, sees
    # that they differ, fails, and leaves that key in the TPM's small memory.
    public_template: Template = {Attribute.PRIVATE: False, Attribute.ENCRYPT: DEFAULT}
    if spec in _EC_CURVES:
        public_template[Attribute.EC_PARAMS] = public.CURVE_PARAMETERS[_EC_CURVES[spec]]

    def make(private_template: Template) -> pkcs11.PublicKey:
        half, _ = session.generate_keypair(
            KeyType.EC if spec in _EC_CURVES else KeyType.RSA,
            _RSA_BITS.get(spec),
            id=key_id,
            label=label,
            store=True,
            capabilities=_SIGNING,
            public_template=public_template,
            private_template=private_template,
        )
        return half

    told: Template = {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.DECRYPT: DEFAULT,
    }
    try:
        return make({**told, Attribute.EXTRACTABLE: copyable})
    except (pkcs11.AttributeTypeInvalid, pkcs11.TemplateInconsistent) as exc:
        if copyable:
            raise NotSupported(capability="copyable") from exc
        return make(told)  # ykcs11: no key ever leaves a card that knows no such attribute
