"""How pictures and pages look: themes, colours, fonts, and one way to write a number.

The only place for colours. Whoever needs no picture may have it without Matplotlib.
"""

import re
from typing import Any, Literal, TypeAlias

import numpy as np

__all__ = [
    "DASHES",
    "DOTS",
    "FONT",
    "PAGE",
    "THEMES",
    "Theme",
    "check_theme",
    "css_variables",
    "number_text",
    "result_text",
    "rounded",
    "short_number_text",
]

Theme: TypeAlias = Literal["light", "dark"]

# Okabe and Ito's colours for all kinds of sight (https://jfly.uni-koeln.de/color/), pins muted;
# lines differ in dashes and width too, so that they can be told apart in greyscale.
THEMES: dict[Theme, dict[str, Any]] = {
    "light": {
        "background": "#ffffff",
        "text": "#222222",
        "faint": "#707070",
        "grid": "#dddddd",
        "training": "#0072b2",
        "validation": "#d55e00",
        "rate": "#222222",
        "pins": ("#b8609a", "#1f9474", "#a87c00", "#6f7f92"),
    },
    "dark": {
        "background": "#111111",
        "text": "#eeeeee",
        "faint": "#a0a0a0",
        "grid": "#333333",
        "training": "#56b4e9",
        "validation": "#e69f00",
        "rate": "#eeeeee",
        "pins": ("#cc79a7", "#1fa881", "#b3a93a", "#8899aa"),
    },
}
# Of words on a page: the verdicts, at least 4.5 to 1 against JupyterLab's light and dark page, and
# the paper that code stands on. They are not in the palette of a picture.
PAGE: dict[Theme, dict[str, str]] = {
    "light": {
        "good": "#1b7f5c",
        "low": "#0072b2",
        "noisy": "#a15c00",
        "bad": "#b3446c",
        "paper": "#f5f5f5",
    },
    "dark": {
        "good": "#5fc9a0",
        "low": "#6cc0f0",
        "noisy": "#f0b050",
        "bad": "#ee8fb5",
        "paper": "#1d1d1d",
    },
}
FONT: dict[str, Any] = {"family": "DejaVu Sans", "size": 11}  # points, at 100 dots an inch
DASHES, DOTS = (0, (4, 2)), (0, (1, 1.2))  # of a line: points of ink, points of paper


def check_theme(theme: str) -> None:
    """Raise a ValueError unless there is such a theme."""
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {list(THEMES)}. Received: theme={theme!r}.")


def css_variables(theme: Theme, prefix: str = "") -> str:
    """The colours of a theme as CSS custom properties, for a style sheet.

    Example:
        >>> css_variables("dark", "lrlab-")[:52]
        '--lrlab-background: #111111; --lrlab-text: #eeeeee; '
    """
    colours = {**THEMES[theme], **PAGE[theme]}
    return " ".join(
        f"--{prefix}{name}: {colour};"
        for name, colour in colours.items()
        if isinstance(colour, str)
    )


def number_text(value: float) -> str:
    """Three digits at most, as a person would write them.

    Example:
        >>> [number_text(value) for value in (0.1, 1e-5, 0.01234, 123456)]
        ['0.1', '1e-5', '0.0123', '1.23e5']
    """
    return re.sub(r"e([+-])0", r"e\1", f"{float(value):.3g}").replace("e+", "e")


def short_number_text(value: float) -> str:
    """Two digits, three where the first is a 1: neighbours can be told apart in little room.

    Example:
        >>> [short_number_text(value) for value in (0.12345, 0.98765, 12345)]
        ['0.123', '0.99', '1.23e4']
    """
    return number_text(rounded(value, 3 if f"{value:e}"[0] == "1" else 2))


def result_text(value: Any, form: str = ".4g") -> str:
    """Write a result in few digits; some metrics have several, `F1Score` one a class.

    Example:
        >>> [result_text(value, ".4f") for value in (0.5, [0.25, 1 / 3], 1e7)]
        ['0.5000', '[0.2500, 0.3333]', '1e+07']
    """
    if np.ndim(value):
        return f"[{', '.join(result_text(part, form) for part in value)}]"
    return format(float(value), form if abs(value) < 1e6 else ".4g")


def rounded(value: float, digits: int) -> float:
    """A number rounded to so many digits that count.

    Example:
        >>> rounded(0.0123456, 3)
        0.0123
    """
    return float(f"{value:.{digits}g}")
