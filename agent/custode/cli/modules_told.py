"""Modules, readers and cards in sentences: which module serves which card, what to do if none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custode.locale import module_words, words
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_A_CARD: Final = ("[[modules.card]]", 'atr = "{atr}"', 'module = "/…/….so"')  # as TOML has it
_A_MODULE: Final = ("[[module]]", 'path = "/…/….so"')


def all_well(found: Mapping[str, Any]) -> bool:
    """Whether there is nothing to tell of modules, readers and cards."""
    config = found.get("config") or {}
    drivers = found.get("drivers") or ([{"ok": True}] if config.get("discover") else [{}])
    cards = (row.get("state") for row in found.get("cards") or [])
    return (
        all(row.get("ok") for row in [found.get("readers") or {"ok": True}, *drivers])
        and not config.get("modules_changed")
        and all(state in {"served", "ignored"} for state in cards)
    )


def driver_lines(found: Mapping[str, Any]) -> list[str]:
    """Each driver and how it does; what is to be written where, when there is none."""
    config = found.get("config") or {}
    chosen = {row.get("name"): row for row in found.get("modules") or []}
    lines = [_driver(row, chosen.get(row.get("module"), {})) for row in found.get("drivers") or []]
    for card in found.get("cards") or []:
        lines += _card(card, config)
    if config and not lines:
        lines += _none(config)
    if (readers := found.get("readers")) is not None:
        lines += reader_lines(readers)
    if config.get("modules_changed"):
        lines.append(
            t("{file} names other modules now: custode agent stop", file=config.get("file"))
        )
    return lines


def _none(config: Mapping[str, Any]) -> list[str]:
    if config.get("discover"):
        return [t("none is needed yet: the module is found when a card is put in")]
    return [
        t("none, so no token can be seen: name its module in {file}", file=config.get("file")),
        *_A_MODULE,
    ]


def _card(card: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """A card that is not simply served; of one that is, the modules that would have come first."""
    reader, state, file = card.get("reader"), card.get("state"), config.get("file")
    if state == "identifying":
        yield t("card in “{reader}”: being identified", reader=reader)
    elif state == "ignored":
        yield t("card in “{reader}”: ignored, as {file} says", reader=reader, file=file)
    elif state == "unknown" and card.get("name"):
        yield t("card in “{reader}” ({card}): no module shows it", reader=reader, card=card["name"])
    elif state == "unknown":
        yield t("card in “{reader}”: known to no module", reader=reader)
    for tried in card.get("tried") or []:
        if state == "unknown" or tried.get("state") == "failed" or tried.get("package"):
            yield _tried(tried)
    if state == "unknown":
        yield t("if you know its module, write into {file}:", file=file)
        for line in _A_CARD:
            yield line.format(atr=card.get("atr"))
        yield t("to leave that card alone, instead of module: ignore = true")


def _tried(row: Mapping[str, Any]) -> str:
    name = row.get("title") or row.get("path") or row.get("name")
    match row.get("state"):
        case "missing" if row.get("package"):
            package = row["package"]
            return t(
                "{name}: not installed (Debian: apt install {package})", name=name, package=package
            )
        case "missing" if row.get("reason"):
            return t("{name}: not installed; it comes with {get}", name=name, get=row["reason"])
        case "missing":
            return t("{name}: not installed", name=name)
        case "no_token":
            return t("{name}: shows no token on it", name=name)
        case _:
            why = words.word(words.WHY, row.get("reason") or "?")
            return t("{name}: does not work ({why})", name=name, why=why)


def reader_lines(told: Mapping[str, Any]) -> list[str]:
    """How the reader service does; a card cannot be seen without it, which is not "no card"."""
    if not told.get("ok"):
        why = words.word(words.WHY, told.get("why") or "?")
        remedy = words.word(module_words.READER_REMEDY, told.get("why"))
        if remedy == told.get("why"):  # nothing that we know of
            return [t("card readers: cannot be seen ({why})", why=why)]
        return [t("card readers: cannot be seen ({why}); {remedy}", why=why, remedy=remedy)]
    readers = told.get("readers") or []
    cards = sum(bool(row.get("card")) for row in readers)
    if not readers:
        return [t("card readers: none is plugged in")]
    return [t("card readers: {readers}, with a card: {cards}", readers=len(readers), cards=cards)]


def _driver(row: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    name = row.get("module") or row.get("name") or "–"
    if row.get("held_by"):
        return t("{name}: another program holds the card ({by})", name=name, by=row["held_by"])
    if row.get("unreadable"):
        why = words.word(words.WHY, row["unreadable"])
        return t("{name}: a token does not answer ({why})", name=name, why=why)
    if row.get("ok") and chosen.get("why") in module_words.CHOSEN:
        how = words.word(module_words.CHOSEN, chosen["why"])
        if title := chosen.get("title"):
            name = f"{title} ({name})"
        return t("{name}: works, chosen {how}", name=name, how=how)
    if row.get("ok"):
        return t("{name}: works", name=name)
    why = words.word(words.WHY, row.get("why") or "?")
    return t("{name}: does not work ({why})", name=row.get("path") or name, why=why)
