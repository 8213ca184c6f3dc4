"""Drag a learning rate, watch a real Keras model retrain.

``import lrlab`` is quick: a public name, all of them listed in ``__init__.pyi``, loads what it
needs, TensorFlow for one, when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
