"""What `Leggimi.rtf` tells people to choose is in the menu, letter for letter."""

from __future__ import annotations

import re

import pytest

from custode.container.leggimi_text import ENGLISH, ITALIAN
from custode.desktop.view.menu import menu
from custode.locale.catalogue import use


@pytest.mark.parametrize(
    ("language", "text", "where"), [("it", ITALIAN, "Utilità"), ("en", ENGLISH, "Utilities")]
)
def test_it_names_what_is_there(language: str, text: str, where: str) -> None:
    use(language)
    (utilities,) = [item for item in menu({}) if item.label == where]
    named = set(re.findall(rf"{where} → ([^…]+…)", " ".join(text.split())))
    assert len(named) == 4
    assert named <= {item.label for item in utilities.children}
