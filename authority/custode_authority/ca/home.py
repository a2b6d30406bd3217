"""The authority's folder: where each file lies, and the settings chosen once.

authority.json    settings; written last, so a folder that has it is complete
authority.sqlite  the database
ca.pem            the CA certificate, whose fingerprint the agent pins
bootstrap.key     lets this computer's owner open accounts (0600)
keys/             see `ca.keys`
recovery-export.json  when the last recovery export was made, for the agent
lock              held by the one process that serves
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from custode_authority.ca.files import write_private
from custode_authority.errors import HomeUnusable

if TYPE_CHECKING:
    from pathlib import Path

HOST: Final = "127.0.0.1"
CRL_PATH: Final = "/crl/ca.crl"
OCSP_PATH: Final = "/ocsp"

Port = Annotated[int, Meta(ge=1024, le=65535)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was chosen at `init`. The ports never change: issued certificates name them.

    `generation_s`: seconds a request stays *in generazione*. `enrolment` and `activation`: who
    approves what the API key alone is not enough for. Activation's own waiting times are counted
    in seconds.
    """

    name: str = "Custode Test CA"
    https_port: Port
    http_port: Port
    generation_s: Annotated[int, Meta(ge=0, le=86_400)] = 2
    validity_days: Annotated[int, Meta(ge=1, le=3650)] = 1095
    crl_life_s: Annotated[int, Meta(ge=60)] = 86_400
    enrolment: Literal["automatic", "desk"] = "automatic"
    activation: Literal["automatic", "desk"] = "automatic"
    activation_wait_s: Annotated[int, Meta(ge=0)] = 0
    approval_life_s: Annotated[int, Meta(ge=60)] = 7 * 86_400

    @property
    def url(self) -> str:
        """Base address of EST and the JSON API."""
        return f"https://{HOST}:{self.https_port}"

    @property
    def crl_url(self) -> str:
        """Address of the CRL, plain HTTP (RFC 5280 §8: no TLS, to avoid asking in circles)."""
        return f"http://{HOST}:{self.http_port}{CRL_PATH}"

    @property
    def ocsp_url(self) -> str:
        """Address of the OCSP responder, plain HTTP for the same reason."""
        return f"http://{HOST}:{self.http_port}{OCSP_PATH}"


@dataclass(frozen=True, slots=True)
class Home:
    """Names of the files in an authority's folder."""

    folder: Path

    @property
    def settings_file(self) -> Path:
        return self.folder / "authority.json"

    @property
    def database(self) -> Path:
        return self.folder / "authority.sqlite"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.database}"

    @property
    def ca_certificate(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def bootstrap_key(self) -> Path:
        return self.folder / "bootstrap.key"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def recovery_export_record(self) -> Path:
        """When the last recovery export was made; not part of any."""
        return self.folder / "recovery-export.json"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def ready(self) -> bool:
        """Whether `init` came to its end here."""
        return self.settings_file.is_file()

    def settings(self) -> Settings:
        """Read the settings.

        :raises HomeUnusable: when `init` never ended here, or the file cannot be read.
        """
        try:
            return msgspec.json.decode(self.settings_file.read_bytes(), type=Settings)
        except FileNotFoundError as exc:
            raise HomeUnusable(f"there is no authority in {self.folder}: run init") from exc
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise HomeUnusable(f"{self.settings_file} cannot be read: {exc}") from exc

    def write_settings(self, settings: Settings) -> None:
        """Write the settings; after this the folder counts as complete."""
        text = msgspec.json.format(msgspec.json.encode(settings), indent=2)
        write_private(self.settings_file, text + b"\n")
