"""How pictures and pages look: themes, colours, fonts, and one way to write a number.

The only place for colours. Whoever needs no picture may have it without Matplotlib.
"""

import re
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

Theme: TypeAlias = Literal["light", "dark"]

# Each colour on light paper and on dark. Curves have Okabe and Ito's, for all kinds of sight
# (https://jfly.uni-koeln.de/color/), pins muted; lines differ in dashes and width too, so that they
# can be told apart in greyscale.
_PICTURE = {
    "background": ("#ffffff", "#111111"),
    "text": ("#222222", "#eeeeee"),
    "faint": ("#707070", "#a0a0a0"),
    "grid": ("#dddddd", "#333333"),
    "training": ("#0072b2", "#56b4e9"),
    "validation": ("#d55e00", "#e69f00"),
    "rate": ("#222222", "#eeeeee"),
}
_PINS = (
    ("#b8609a", "#cc79a7"),
    ("#1f9474", "#1fa881"),
    ("#a87c00", "#b3a93a"),
    ("#6f7f92", "#8899aa"),
)
# Of a verdict's word, at least 4.5 to 1 against JupyterLab's page, and of the paper below code.
_PAGE = {
    "good": ("#1b7f5c", "#5fc9a0"),
    "low": ("#0072b2", "#6cc0f0"),
    "noisy": ("#a15c00", "#f0b050"),
    "bad": ("#b3446c", "#ee8fb5"),
    "paper": ("#f5f5f5", "#1d1d1d"),
}
THEMES: dict[Theme, dict[str, Any]] = {  # the inks of a picture
    theme: {
        **{name: pair[side] for name, pair in _PICTURE.items()},
        "pins": tuple(pair[side] for pair in _PINS),
    }
    for side, theme in enumerate(get_args(Theme))
}
# Of pictures without paper, which cannot know the theme of the page: they can be read on both.
_GREY = "#767676"
STILL: dict[str, Any] = {
    **THEMES["light"],
    "background": "none",
    "text": _GREY,
    "faint": _GREY,
    "rate": _GREY,
    "grid": f"{_GREY}50",
}
PAGE: dict[Theme, dict[str, str]] = {  # what a page has besides
    theme: {name: pair[side] for name, pair in _PAGE.items()}
    for side, theme in enumerate(get_args(Theme))
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
    colours = {name: THEMES[theme][name] for name in _PICTURE} | PAGE[theme]
    return " ".join(f"--{prefix}{name}: {colour};" for name, colour in colours.items())


def number_text(value: float) -> str:
    """Three digits at most, as a person would write them.

    Example:
        >>> [number_text(value) for value in (0.1, 1e-5, 0.01234, 123456)]
        ['0.1', '1e-5', '0.0123', '1.23e5']
    """
    return re.sub(r"e([+-])0", r"e\1", f"{float(value):.3g}").replace("e+", "e")


def counted(count: int, what: str) -> str:
    """A number of things.

    Example:
        >>> [counted(count, "epoch") for count in (0, 1, 15)]
        ['0 epochs', '1 epoch', '15 epochs']
    """
    return f"{count} {what}{'s' * (count != 1)}"


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
