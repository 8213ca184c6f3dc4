"""Many runs of one experiment: here, in processes or on a cluster.

Loaded on demand, as `lrlab` is: a worker that waits for its experiment needs no TensorFlow yet.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
