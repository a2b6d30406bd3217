"""The settings: what they are, their defaults, and where each value comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec
import msgspec.structs
from msgspec import Meta, Struct

from custode_drivers.catalogue.atr import AtrMask
from custode_drivers.catalogue.p11kit import FOLDERS as P11_KIT_FOLDERS

Seconds = Annotated[float, Meta(ge=0)]
Patience = Annotated[float, Meta(ge=1)]  # less, and nobody could ever type a PIN
# Starting it takes a second or two: an end after less would have it started again and again.
AuthorityIdle = Annotated[float, Meta(ge=5)]
Hex256OrNothing = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
Address = Annotated[str, Meta(pattern="^(https://[^ ]+[^ /])?$")]


# What watches a module, besides a folder's path.
BY_READERS: Final = "pcsc"
BY_NOBODY: Final = "none"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: an unknown key is an error."""


class ModuleSettings(Section, frozen=True):
    """`[[module]]`: one PKCS#11 module, and so one token worker.

    `env` is added to the worker's environment, `init_args` goes to C_Initialize (NSS). `watch`:
    what tells that a token comes or goes: "pcsc", the reader service; the path of a SoftHSM token
    directory; or "none", for a module whose tokens never move (a TPM).
    """

    path: Annotated[str, Meta(min_length=1)]
    env: dict[str, str] = {}
    init_args: str = ""
    watch: str = BY_READERS

    @property
    def watched_folder(self) -> str | None:
        """The directory whose changes count as plugging in and out."""
        return None if self.watch in {BY_READERS, BY_NOBODY} else self.watch


class AuthoritySettings(Section, frozen=True):
    """`[authority]`. With `url` and `pin_sha256` it is one elsewhere, else the embedded one.

    `generation_s`: how long the embedded authority keeps a request *in generazione*, chosen when
    it is made (None: its own default); `idle_s`: so long after the agent last used it, it ends.
    """

    autostart: bool = True
    generation_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    idle_s: AuthorityIdle = 600.0
    url: Address = ""
    pin_sha256: Hex256OrNothing = ""

    def __post_init__(self) -> None:
        if self.url and not self.pin_sha256:
            raise ValueError("url needs pin_sha256: the network alone proves nobody")


class JobsSettings(Section, frozen=True):
    """`[jobs]`: the job worker ends after `idle_s` without work."""

    idle_s: Seconds = 5.0


class PromptSettings(Section, frozen=True):
    """`[prompts]`: how a person is asked where nobody says where a secret comes from.

    `pinentry` is a program that speaks Assuan, or `builtin`: our own dialog; none, or `tty`: the
    terminal. `secret_s`: how long one waits for an answer.
    """

    pinentry: str = ""
    secret_s: Patience = 300.0


class SupportSettings(Section, frozen=True):
    """`[support]`: whom the texts tell the person to write to."""

    address: str = ""


class BackupSettings(Section, frozen=True):
    """`[backup]`: `watch` are folders in which backup folders appear, such as mount points."""

    watch: tuple[str, ...] = ()


class TraySettings(Section, frozen=True):
    """`[tray]`: how the icon looks, and whether it is there with nothing inserted.

    `icons`: `colour`, with an outline, for any panel; `light`: for a dark one; `dark`: for a light
    one. `always = false`: panels may put the icon away while no token is inserted.
    """

    icons: Literal["colour", "light", "dark"] = "colour"
    always: bool = True


class CardSettings(Section, frozen=True):
    """`[[modules.card]]`: which module a kind of card wants, before the catalogue is asked.

    `atr` and `mask` in hex (ISO 7816-3); `module` is a path, or a name of the catalogue; `ignore`:
    such cards are nobody's business. `env` and `init_args` as for `[[module]]`.
    """

    atr: str
    mask: str = ""
    module: str = ""
    env: dict[str, str] = {}
    init_args: str = ""
    ignore: bool = False

    def __post_init__(self) -> None:
        AtrMask.parse(self.atr, self.mask)
        if bool(self.module) == self.ignore:
            raise ValueError("a card wants module, or ignore = true")


class DiscoverySettings(Section, frozen=True):
    """`[modules]`: whether a module is looked for for each card, and where.

    `p11_kit`: folders of p11-kit's lists, the first has the highest rank; none: they are not read.
    `folders`: where modules of the catalogue are looked for; none: where the system has libraries.
    """

    discover: bool = True
    p11_kit: tuple[str, ...] = P11_KIT_FOLDERS
    folders: tuple[str, ...] = ()
    card: tuple[CardSettings, ...] = ()


class Values(Section, frozen=True):
    """The whole file."""

    module: tuple[ModuleSettings, ...] = ()
    modules: DiscoverySettings = DiscoverySettings()
    authority: AuthoritySettings = AuthoritySettings()
    jobs: JobsSettings = JobsSettings()
    prompts: PromptSettings = PromptSettings()
    support: SupportSettings = SupportSettings()
    backup: BackupSettings = BackupSettings()
    tray: TraySettings = TraySettings()


class Setting(Struct, frozen=True):
    """One row of `custode config show`: `source` is "default" or the file's path."""

    key: str
    value: Any
    source: str


SECTIONS: Final = tuple(name for name in Values.__struct_fields__ if name != "module")


class Config:
    """Settings of one moment: `config.authority.autostart`."""

    def __init__(self, values: Values, given: frozenset[str], file: str) -> None:
        self._values = values
        self._given = given
        self.file = file

    @property
    def modules(self) -> tuple[ModuleSettings, ...]:
        return self._values.module

    @property
    def discovery(self) -> DiscoverySettings:
        return self._values.modules

    @property
    def authority(self) -> AuthoritySettings:
        return self._values.authority

    @property
    def jobs(self) -> JobsSettings:
        return self._values.jobs

    @property
    def prompts(self) -> PromptSettings:
        return self._values.prompts

    @property
    def support(self) -> SupportSettings:
        return self._values.support

    @property
    def backup(self) -> BackupSettings:
        return self._values.backup

    @property
    def tray(self) -> TraySettings:
        return self._values.tray

    def without(self, unwanted: Callable[[ModuleSettings], bool]) -> Config:
        """The same without some of its modules."""
        kept = tuple(module for module in self.modules if not unwanted(module))
        return Config(msgspec.structs.replace(self._values, module=kept), self._given, self.file)

    def source(self, key: str) -> str:
        """Where a value came from: the file's path, or "default"."""
        return self.file if key in self._given else "default"

    def settings(self) -> list[Setting]:
        """Every setting with its value and source, for `custode config show`."""
        rows = [
            Setting(f"module.{number}", msgspec.to_builtins(module), self.file)
            for number, module in enumerate(self.modules)
        ]
        for section in SECTIONS:
            for name, value in msgspec.to_builtins(getattr(self._values, section)).items():
                key = f"{section}.{name}"
                rows.append(Setting(key, value, self.source(key)))
        return rows
