"""The look of every window: colours as the desktop wants them, our own icons, one style sheet."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from custode.desktop.colours import OF, Colours, Scheme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

_ICONS: Final = Path(__file__).parent / "icons"
_SHEET: Final = Path(__file__).parent / "windows.qss"
_RATIOS: Final = (1.0, 1.5, 2.0, 3.0)  # how many dots a point has on the screens there are
_APP_SIZES: Final = (16, 24, 32, 48, 64, 128)


class Theme(QObject):
    """What one application looks like; `changed` when the person's desktop turns light or dark."""

    changed = Signal()

    def __init__(self, app: QApplication, scheme: Scheme | None = None) -> None:
        """`scheme`: None follows the desktop."""
        super().__init__(app)
        self._app = app
        self._asked = scheme
        app.setStyle("Fusion")
        app.setWindowIcon(app_icon())
        hints = QGuiApplication.styleHints()
        self.scheme = scheme or _scheme_of(hints.colorScheme())
        self._dress()
        hints.colorSchemeChanged.connect(self._follow)

    @property
    def colours(self) -> Colours:
        """Those in use."""
        return OF[self.scheme]

    def use(self, scheme: Scheme) -> None:
        """Look like that from now on."""
        self._asked = scheme
        if scheme is not self.scheme:
            self.scheme = scheme
            self._dress()
            self.changed.emit()

    def icon(self, name: str, colour: str = "text", size: int = 18) -> QIcon:
        """One of our signs in a colour of the scheme (its name)."""
        icon = QIcon()
        for ratio in _RATIOS:
            icon.addPixmap(draw(name, self.colours.by_name()[colour], size, ratio))
            grey = draw(name, self.colours.disabled, size, ratio)
            icon.addPixmap(grey, QIcon.Mode.Disabled)
        return icon

    def pixmap(self, name: str, colour: str, size: int, ratio: float) -> QPixmap:
        """One of our signs as a picture of `size` points, for a screen of that `ratio`."""
        return draw(name, self.colours.by_name()[colour], size, ratio)

    def _follow(self, wanted: Qt.ColorScheme) -> None:
        if self._asked is None and _scheme_of(wanted) is not self.scheme:
            self.scheme = _scheme_of(wanted)
            self._dress()
            self.changed.emit()

    def _dress(self) -> None:
        self._app.setPalette(_palette(self.colours))
        sheet = Template(_SHEET.read_text(encoding="utf-8"))
        filled = sheet.substitute(
            self.colours.by_name(), icons=_ICONS.as_posix(), scheme=self.scheme.value
        )
        self._app.setStyleSheet(filled)


def _scheme_of(wanted: Qt.ColorScheme) -> Scheme:
    return Scheme.DARK if wanted == Qt.ColorScheme.Dark else Scheme.LIGHT


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, colours.window),
        (role.WindowText, colours.text),
        (role.Base, colours.surface),
        (role.AlternateBase, colours.hover),
        (role.Text, colours.text),
        (role.PlaceholderText, colours.muted),
        (role.Button, colours.surface),
        (role.ButtonText, colours.text),
        (role.ToolTipBase, colours.surface),
        (role.ToolTipText, colours.text),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.accent),
        (role.Accent, colours.accent),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(colours.disabled))
    return palette


@cache
def _source(name: str) -> str:
    return (_ICONS / f"{name}.svg").read_text(encoding="utf-8")


def draw(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    """Draw `icons/NAME.svg`, with `colour` for its `currentColor`."""
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def app_icon() -> QIcon:
    """The program's own sign."""
    icon = QIcon()
    for size in _APP_SIZES:
        icon.addPixmap(draw("custode", "#000000", size, 1.0))
    return icon
