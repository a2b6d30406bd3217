"""What a token worker can be asked: one method a function, each a thin story over the parts.

`fds` are the descriptors of the request, in the order that the method table names them; whoever
dispatches closes them afterwards.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import pkcs11

from custode_drivers.api import errors
from custode_drivers.pkcs11.about import about
from custode_drivers.pkcs11.administration import Administration
from custode_drivers.pkcs11.asked import BadRequest, Fds, identity
from custode_drivers.pkcs11.ckr import CkrError, translate
from custode_drivers.pkcs11.module import Module
from custode_drivers.pkcs11.officer import Officer
from custode_drivers.pkcs11.reading import Reading
from custode_drivers.pkcs11.session import Sessions
from custode_drivers.pkcs11.session_work import SessionWork
from custode_drivers.pkcs11.wrapping import Wrapping
from custode_drivers.pkcs11.writing import Writing


class Operations:
    """The methods over one module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.sessions: Final = Sessions(module)
        officer = Officer(module, self.sessions)
        reading = Reading(module, self.sessions, officer)
        administration = Administration(module, self.sessions)
        work = SessionWork(module, self.sessions)
        writing = Writing(module, self.sessions, officer, work)
        wrapping = Wrapping(module, self.sessions, work)
        # What may be asked by name, and the descriptors each one takes.
        self._methods: Final[dict[str, Callable[..., Any]]] = {
            "about": functools.partial(about, module),
            "list": reading.rows,
            "holder": reading.holder,
            "init_token": administration.init_token,  # so_pin
            "init_pin": administration.init_pin,  # so_pin, new_pin
            "check_so_pin": administration.check_so_pin,  # so_pin
            "reset_token": administration.reset_token,  # so_pin, new_pin
            "change_pin": administration.change_pin,  # old, new
            "unblock_pin": administration.unblock_pin,  # so_pin or PUK, new_pin
            "login": work.login,  # pin
            "logout": work.logout,
            "csr": work.csr,
            "sign": work.sign,
            "challenge": work.challenge,
            "relay_distinct": work.relay_distinct,  # secret in, write end of a pipe out
            # with `as_so` each one takes the so_pin first
            "generate_key": writing.generate_key,
            "import_key": writing.import_key,  # pkcs8; not again after NeedsSo
            "destroy_key": writing.destroy_key,
            "install_certificate": writing.install_certificate,
            "remove_certificate": writing.remove_certificate,
            "wrap_key": wrapping.wrap_key,  # key-encryption key
            "unwrap_key": wrapping.unwrap_key,  # key-encryption key
            "rehearse_unwrap": wrapping.rehearse_unwrap,
        }

    def run(self, name: str, fds: Fds, params: Mapping[str, Any]) -> Any:
        """Run a method by its name.

        `token` is the map of a TokenIdentity; told beside a `session`, it must fit.

        :raises BadRequest: when there is no such method, or the parameters do not fit it.
        """
        method = self._methods.get(name)
        if method is None:
            raise BadRequest(why=f"no method {name}")
        given = dict(params)
        if "token" in given:
            given["token"] = identity(given["token"])
            if "session" in given:
                self.sessions.check_token(given["session"], given.pop("token"))
        try:
            inspect.signature(method).bind(fds, **given)
        except TypeError as exc:
            raise BadRequest(why=str(exc)) from exc
        self.sessions.accepted.clear()
        try:
            return method(fds, **given)
        except (CkrError, pkcs11.PKCS11Error) as exc:
            raise self._with_accepted(translate(exc)) from exc  # outside of any session
        except errors.DriverError as exc:
            raise self._with_accepted(exc) from exc.__cause__
        finally:
            if not self.sessions:
                self._module.rest()  # cards are held for single operations

    def _with_accepted(self, error: errors.DriverError) -> errors.DriverError:
        """Say which PINs the token took before it failed: those cost no try."""
        if self.sessions.accepted:
            error.data["accepted"] = sorted(self.sessions.accepted)
        return error

    def close(self) -> None:
        """End all sessions and let go of the module."""
        self.sessions.end_all()
        self._module.close()
