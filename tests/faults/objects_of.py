"""The objects on a token: MODULE SERIAL, the PIN on stdin; one JSON object on stdout."""

from __future__ import annotations

import json
import sys

import pkcs11
from pkcs11 import Attribute, ObjectClass

_CLASSES = {
    "private": ObjectClass.PRIVATE_KEY,
    "public": ObjectClass.PUBLIC_KEY,
    "certificate": ObjectClass.CERTIFICATE,
}


def main(module: str, serial: str) -> None:
    token = next(
        token
        for token in pkcs11.lib(module).get_tokens()
        if token.serial.decode().strip() == serial
    )
    with token.open(user_pin=sys.stdin.read()) as session:
        found = {
            name: sorted(
                item[Attribute.ID].hex()
                for item in list(session.get_objects({Attribute.CLASS: kind}))
            )
            for name, kind in _CLASSES.items()
        }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
