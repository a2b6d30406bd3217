"""The tray's icons as pictures: told apart by shape and by colour, on light and dark panels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from custode.desktop.colours import contrast
from custode.desktop.theme import Theme
from custode.desktop.view.sign import Sign

FOLDER = Path(__file__).parents[2] / "agent/custode/desktop/icons/tray"
SIZES = (16, 22, 24, 48)
PANELS = {"": ("#f0f0f0", "#2b2f36", "#6f7d8c"), "-light": ("#2b2f36", "#000000")}
PANELS["-dark"] = ("#f0f0f0", "#ffffff")
Draw = Callable[[Sign, str, int, str], QImage]

pytestmark = pytest.mark.usefixtures("theme")


@pytest.fixture(scope="module")
def draw(theme: Theme) -> Draw:
    def drawn(sign: Sign, variant: str, size: int, panel: str) -> QImage:
        renderer = QSvgRenderer(str(FOLDER / f"custode-{sign.value}{variant}.svg"))
        assert renderer.isValid()
        image = QImage(size, size, QImage.Format.Format_RGB32)
        image.fill(QColor(panel))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter, QRectF(0, 0, size, size))
        painter.end()
        return image

    return drawn


def grey(image: QImage) -> list[int]:
    """Its brightness, dot by dot: what is left of it for who sees no colours."""
    plain = image.convertToFormat(QImage.Format.Format_Grayscale8)
    size = range(plain.width())
    return [plain.pixelColor(x, y).lightness() for y in size for x in size]


def test_every_sign_has_its_icon_in_every_look() -> None:
    wanted = {f"custode-{sign.value}{look}.svg" for sign in Sign for look in PANELS}
    assert {path.name for path in FOLDER.iterdir()} == wanted
    for name in wanted:
        root = ET.parse(FOLDER / name).getroot()  # noqa: S314 - a file of ours
        assert root.get("viewBox") == "0 0 24 24"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("look", PANELS)
def test_they_are_told_apart_without_colours(draw: Draw, look: str, size: int) -> None:
    panel = PANELS[look][0]
    pictures = {sign: grey(draw(sign, look, size, panel)) for sign in Sign}
    for one, other in combinations(Sign, 2):
        pairs = zip(pictures[one], pictures[other], strict=True)
        unlike = sum(abs(a - b) > 60 for a, b in pairs) / (size * size)
        assert unlike > 0.08, (one, other, unlike)


def test_the_coloured_ones_have_a_colour_each(draw: Draw) -> None:
    hues = {}
    for sign in Sign:
        image = draw(sign, "", 48, "#ffffff")
        dots = [image.pixelColor(x, y) for x in range(48) for y in range(48)]
        hues[sign] = {dot.hsvHue() // 20 for dot in dots if dot.hsvSaturation() > 150}
    assert hues[Sign.ABSENT] == set()
    assert len({frozenset(hue) for hue in hues.values()}) == len(Sign)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("look", "panel"), [(look, panel) for look, panels in PANELS.items() for panel in panels]
)
def test_they_are_seen_on_their_panels(draw: Draw, look: str, panel: str, size: int) -> None:
    for sign in Sign:
        image = draw(sign, look, size, panel)
        dots = (image.pixelColor(x, y).name() for x in range(size) for y in range(size))
        # WCAG 2.2 §1.4.11: 3 to 1, for enough of it to make out its shape
        strong = sum(contrast(dot, panel) >= 3 for dot in dots)
        assert strong >= size * size * 0.08, (sign, strong / size / size)


def test_light_and_dark_ones_have_one_colour(draw: Draw) -> None:
    for look, panel in (("-light", "#000000"), ("-dark", "#ffffff")):
        for sign in Sign:
            image = draw(sign, look, 48, panel)
            dots = [image.pixelColor(x, y) for x in range(48) for y in range(48)]
            assert max(dot.hsvSaturation() for dot in dots if dot.value() > 40) < 80
            assert image.pixelColor(0, 0) == QColor(
                Qt.GlobalColor.black if panel == "#000000" else Qt.GlobalColor.white
            )
