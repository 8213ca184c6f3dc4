"""Fair comparisons: runs alike in start and batches, which differ by their learning rate alone.

Loaded on demand, as `lrlab` is: whoever wants a verdict in words need not load TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
