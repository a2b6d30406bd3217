"""Whether a request for a certificate is taken (domain.md, rules 3 and 5). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

RSA_BITS: Final = range(2048, 4096 + 1)
CURVES: Final = frozenset({ec.SECP256R1.name, ec.SECP384R1.name})
_LEAST_EXPONENT: Final = 65537


class Decision(StrEnum):
    """What becomes of a request."""

    TAKE = "take"
    ASK_DESK = "ask_desk"  # stays `requested` until a person approves
    WANT_SIGNATURE = "want_signature"


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts about the identity that asks.

    `signed`: the request carries a good signature by an active certificate of the identity;
    `renewal`: it came by simplereenroll; `desk`: the approval policy is a person.
    """

    ever_certified: bool
    active: bool
    suspended: bool
    signed: bool
    renewal: bool = False
    desk: bool = False


def decide(standing: Standing) -> Decision:
    """Decide by rule 5: an API key alone is enough for the very first certificate only.

    While a certificate is suspended nothing unsigned is taken, whatever the policy: fail closed.
    """
    if standing.signed:
        return Decision.TAKE
    if standing.renewal or standing.active or standing.suspended:
        return Decision.WANT_SIGNATURE
    if standing.ever_certified and standing.desk:
        return Decision.ASK_DESK
    return Decision.TAKE


def certifiable(key: object) -> bool:
    """Whether keys of this kind are certified: RSA 2048-4096, P-256, P-384."""
    match key:
        case rsa.RSAPublicKey():
            exponent = key.public_numbers().e
            return key.key_size in RSA_BITS and exponent >= _LEAST_EXPONENT and exponent % 2 == 1
        case ec.EllipticCurvePublicKey():
            return key.curve.name in CURVES
        case _:
            return False
