"""The RPC methods by which a person says how he wants to be spoken to: in which language, when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from custode.daemon.context import Context, Method
from custode.domain.events import LanguageChosen, NeedSnoozed
from custode.domain.needs import needs
from custode.domain.prompting import snooze_ends
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import choice


class LanguageParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `language.set`; "auto": each face follows its own locale again."""

    language: Literal["it", "en", "auto"]


class SnoozeParams(Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `need.snooze`: until the morning of that day, without one tomorrow's.

    A day that has come already ends the snooze.
    """

    key: str
    until: date | None = None


async def language_set(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Keep the language the person chose, and tell every face.

    :raises CustodeError: FILE_UNWRITABLE
    """
    wanted = msgspec.convert(params, LanguageParams).language
    language = None if wanted == choice.AUTO else wanted
    try:
        choice.keep(ctx.paths.language, language)
    except OSError as exc:
        path = str(ctx.paths.language)
        raise CustodeError(ErrorCode.FILE_UNWRITABLE, path=path, why=exc.strerror) from exc
    await ctx.post(LanguageChosen(language, ctx.clock.now()))
    return {"language": language}


async def need_snooze(ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """Say nothing of a need until then; it stays listed.

    :raises CustodeError: NO_SUCH_NEED when nothing of that key is needed (any more)
    """
    wanted, now = msgspec.convert(params, SnoozeParams), ctx.clock.now()
    if all(need.key != wanted.key for need in needs(ctx.state, now)):
        raise CustodeError(ErrorCode.NO_SUCH_NEED, need=wanted.key)
    until = snooze_ends(now, wanted.until)
    await ctx.post(NeedSnoozed(wanted.key, until, now))
    return {"key": wanted.key, "until": until}


METHODS: Final[Mapping[str, Method]] = {"language.set": language_set, "need.snooze": need_snooze}
