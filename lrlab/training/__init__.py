"""How Keras trains, an epoch a call."""

from lrlab.training.fit import fit

__all__ = ["fit"]
