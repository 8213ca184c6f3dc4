"""How Keras trains, an epoch a call."""

from lrlab.training.session import fit

__all__ = ["fit"]
