"""A page whose sliders need no kernel."""

from lrlab.export.page import export_html

__all__ = ["export_html"]
