"""Who the certificate is for, as it is being typed: what is wrong, and when it can be sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from custode.locale import whose
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE: Final = "code"
CODICE_FISCALE: Final = "codice_fiscale"
NAME: Final = "name"
MAIL: Final = "mail"


@dataclass(frozen=True, slots=True)
class Owner:
    """What was typed so far. `known`: the account exists, so that its two numbers stay."""

    code: str = ""
    codice_fiscale: str = ""
    name: str = ""
    mail: str = ""
    known: bool = False

    @classmethod
    def of(cls, identity: Mapping[str, Any] | None) -> Owner:
        """The one that the agent knows, or nobody yet."""
        if not identity:
            return cls()
        code, number, name, mail = (
            str(identity.get(field) or "") for field in (CODE, CODICE_FISCALE, NAME, MAIL)
        )
        return cls(code, number, name, mail, known=True)

    def typed(self, field: str, text: str) -> Owner:
        """With that in one of the fields."""
        changed: dict[str, Any] = {field: text}
        return replace(self, **changed)

    def fault(self, field: str) -> str:
        """What is wrong with a field; empty: nothing."""
        match field:
            case "code" | "codice_fiscale" if self.known:
                return ""  # the agent's own, taken as they are
            case "code":
                return whose.code_fault(self.code)
            case "codice_fiscale":
                return whose.codice_fiscale_fault(self.codice_fiscale)
            case "mail" if self.mail.strip() and not _is_mail(self.mail.strip()):
                return t("An address has the form name@example.it.")
            case _:
                return ""

    @property
    def ready(self) -> bool:
        """Whether it can be sent."""
        return not any(map(self.fault, (CODE, CODICE_FISCALE, NAME, MAIL)))

    def params(self) -> dict[str, str]:
        """For `identity.set`."""
        return {
            CODE: whose.written(self.code),
            CODICE_FISCALE: whose.written(self.codice_fiscale),
            NAME: self.name.strip(),
            MAIL: self.mail.strip(),
        }


def _is_mail(text: str) -> bool:
    """Only what is surely a slip is told: the address itself is the person's own business."""
    name, at, host = text.partition("@")
    return bool(name and at and "." in host.strip(".")) and " " not in text
