"""The door to Altair and vl-convert, an extra: who has not installed it is told what to do."""

try:
    import altair as alt
    import vl_convert
except ImportError as error:
    raise ImportError(
        "This is drawn with Altair, and vl-convert makes of it what needs no network. "
        f'Received: {error}. Install both: pip install "lrlab[export]"'
    ) from None

__all__ = ["alt", "vl_convert"]
