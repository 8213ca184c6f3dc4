"""Settings made into the plain Keras program that gives the same numbers without lrlab."""

from lrlab.keras_code.program import Snippet, program

__all__ = ["Snippet", "program"]
