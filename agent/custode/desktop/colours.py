"""The colours of every window, light and dark; that they can be told apart is a test (WCAG 2.2)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final


class Scheme(StrEnum):
    """How the person's desktop looks."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Colours:
    """One scheme; each is `#rrggbb`."""

    window: str
    """Behind everything."""
    surface: str
    """Cards and fields."""
    text: str
    muted: str
    line: str
    """Around cards: ornament only."""
    outline: str
    """Around what can be typed into or clicked (WCAG 2.2 §1.4.11: 3 to 1)."""
    hover: str
    accent: str
    on_accent: str
    accent_hover: str
    disabled: str
    danger: str
    on_danger: str
    danger_hover: str
    danger_surface: str
    warning: str
    warning_surface: str
    good: str
    good_surface: str
    accent_surface: str

    def by_name(self) -> dict[str, str]:
        """Every colour by its name, as style sheets want them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


LIGHT: Final = Colours(
    window="#f5f6f8",
    surface="#ffffff",
    text="#1a1f26",
    muted="#535c67",
    line="#d9dde3",
    outline="#7b848f",
    hover="#e9edf2",
    accent="#0b5cad",
    on_accent="#ffffff",
    accent_hover="#094a8c",
    disabled="#6b7480",
    danger="#b3211a",
    on_danger="#ffffff",
    danger_hover="#8f1812",
    danger_surface="#fdeceb",
    warning="#805200",
    warning_surface="#fff3d6",
    good="#17713a",
    good_surface="#e6f4ea",
    accent_surface="#e7f0fa",
)

DARK: Final = Colours(
    window="#1d2126",
    surface="#272c33",
    text="#e8ebf0",
    muted="#aab3be",
    line="#3a414b",
    outline="#7f8a97",
    hover="#323943",
    accent="#78b7ff",
    on_accent="#0a1a2c",
    accent_hover="#9ccbff",
    disabled="#8a94a0",
    danger="#ff968c",
    on_danger="#2b0906",
    danger_hover="#ffb3ab",
    danger_surface="#3d2426",
    warning="#f4c56a",
    warning_surface="#38301f",
    good="#72d494",
    good_surface="#20332a",
    accent_surface="#22303f",
)

OF: Final = {Scheme.LIGHT: LIGHT, Scheme.DARK: DARK}


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` (WCAG 2.2, "contrast ratio"): 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, "relative luminance")."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
        for part in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
