"""Colours that everybody can tell apart, and signs that are our own (WCAG 2.2 §1.4.3, §1.4.11)."""

import re
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from custode.desktop import colours
from custode.desktop.colours import OF, Scheme, contrast
from custode.desktop.theme import Theme, draw

ICONS = Path(colours.__file__).parent / "icons"

TEXT = [
    *((front, back) for front in ("text", "muted") for back in ("window", "surface")),
    *((front, back) for front in ("danger", "warning", "good") for back in ("window", "surface")),
    ("text", "hover"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("accent", "window"),
    ("accent", "hover"),
    ("danger", "danger_surface"),
    ("text", "danger_surface"),
    ("warning", "warning_surface"),
    ("text", "warning_surface"),
    *((front, back) for front in ("text", "good") for back in ("good_surface",)),
    *((front, back) for front in ("text", "accent") for back in ("accent_surface",)),
    ("muted", "accent_surface"),
    ("on_danger", "danger"),
    ("on_danger", "danger_hover"),
]
CONTROLS = [
    *((front, back) for front in ("outline", "accent") for back in ("window", "surface")),
    ("danger", "danger_surface"),
    ("outline", "danger_surface"),
    ("disabled", "window"),  # not asked for by WCAG; nobody should have to guess what it says
]


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize(("front", "back"), TEXT)
def test_text_can_be_read(scheme: Scheme, front: str, back: str) -> None:
    known = OF[scheme].by_name()
    assert contrast(known[front], known[back]) >= 4.5


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize(("front", "back"), CONTROLS)
def test_controls_can_be_seen(scheme: Scheme, front: str, back: str) -> None:
    known = OF[scheme].by_name()
    assert contrast(known[front], known[back]) >= 3


def test_contrast_is_wcags() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


@pytest.mark.parametrize("icon", sorted(ICONS.glob("*.svg")), ids=lambda icon: icon.stem)
def test_a_sign_is_drawn_in_its_colour(icon: Path, theme: Theme) -> None:
    source = icon.read_text()
    assert "Apache-2.0" in source
    assert not re.search(r"<script|href|<image", source)
    image = draw(icon.stem, "#ff0000", 32, 2.0).toImage()
    assert image.width() == 64
    drawn = {
        image.pixelColor(x, y).name()
        for x in range(64)
        for y in range(64)
        if image.pixelColor(x, y).alpha() == 255
    }
    assert drawn
    assert ("currentColor" in source) == (drawn == {"#ff0000"})


def test_the_sheet_names_only_colours_that_there_are(theme: Theme) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    changes: list[Scheme] = []
    theme.changed.connect(lambda: changes.append(theme.scheme))
    for scheme in (Scheme.DARK, Scheme.LIGHT):
        theme.use(scheme)
        assert OF[scheme].window in app.styleSheet()
        assert "$" not in app.styleSheet()
        assert app.palette().window().color().name() == OF[scheme].window
    assert changes == [Scheme.DARK, Scheme.LIGHT]
