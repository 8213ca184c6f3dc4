"""Learning rates over time: a schedule knows epochs and steps, and no optimizer, plot or widget.

Loaded on demand, as `lrlab` is: whoever needs no schedule of Keras's need not load TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
