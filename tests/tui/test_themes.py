"""Both themes can be read, and tell the four kinds of data apart, also by eyes that do not see all colours.

Contrast is WCAG 2.1's (1.4.3), differences are distances in CIE L*a*b*, and the three kinds of colour blindness are
those of Machado, Oliveira and Fernandes 2009 at their full severity.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from textual.color import Color
from textual.theme import Theme

from smarter.tui.themes import KINDS, THEMES

OTHERS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
READABLE = 4.5
APART = 15.0
"""About six times what eyes can just tell apart when they see both at once."""

BLINDNESS = {
    "none": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(axis=1)


def linear(colour: Color) -> np.ndarray:
    """Its light, red, green and blue."""
    share = np.array(colour.rgb) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """Where it lies in L*a*b*."""
    shares = XYZ @ light / WHITE
    x, y, z = np.where(shares > 216 / 24389, np.cbrt(shares), shares * 841 / 108 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: Color, other: Color) -> float:
    dark, light = sorted(float(XYZ[1] @ linear(each)) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def colour_of(theme: Theme, name: str) -> Color:
    return Color.parse(theme.variables.get(name) or getattr(theme, name))


def quiet(theme: Theme, ground: Color) -> Color:
    """Textual's ``$text-muted``: what stands out against the ground, at 60 %."""
    return ground + ground.get_contrast_text(0.6)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
class TestThemes:
    @pytest.mark.parametrize("ground", ["background", "surface", "panel"])
    @pytest.mark.parametrize(
        "text", [*KINDS, "foreground", "primary", "secondary", "accent", "success", "warning", "error"]
    )
    def test_every_text_can_be_read_on_every_ground(self, theme: Theme, text: str, ground: str) -> None:
        assert contrast(colour_of(theme, text), colour_of(theme, ground)) >= READABLE

    @pytest.mark.parametrize("ground", ["background", "surface", "panel"])
    def test_what_is_quiet_can_be_read_too(self, theme: Theme, ground: str) -> None:
        assert contrast(quiet(theme, colour_of(theme, ground)), colour_of(theme, ground)) >= READABLE

    @pytest.mark.parametrize("eyes", BLINDNESS)
    @pytest.mark.parametrize(("one", "other"), combinations(KINDS, 2))
    def test_two_kinds_of_data_are_told_apart_by_any_eyes(self, theme: Theme, one: str, other: str, eyes: str) -> None:
        seen = [lab(np.clip(BLINDNESS[eyes] @ linear(colour_of(theme, kind)), 0, 1)) for kind in (one, other)]
        assert np.linalg.norm(seen[0] - seen[1]) >= APART

    def test_bars_that_protect_nothing_are_told_from_others_by_any_eyes(self, theme: Theme) -> None:
        for eyes in BLINDNESS.values():
            seen = [lab(np.clip(eyes @ linear(colour_of(theme, name)), 0, 1)) for name in ("accent", "refused")]
            assert np.linalg.norm(seen[0] - seen[1]) >= APART
