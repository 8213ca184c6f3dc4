"""Makes the notebook harness known to pytest for tests/ and notebooks/ alike."""

pytest_plugins = ["nbval_memory", "nbval_numbers"]
