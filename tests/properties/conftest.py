"""How many examples each property is tried with: few that are always the same, or many new ones.

`make test` takes the first, `make properties` the second. Neither keeps a file of what it found: a
case that fails is written into its test, as an `@example`.
"""

from hypothesis import HealthCheck, Phase, settings

ALIKE = {
    "deadline": None,  # the first example of a kind compiles its model
    "database": None,
    "print_blob": True,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.differing_executors],
}
settings.register_profile("fixed", derandomize=True, max_examples=10, **ALIKE)
settings.register_profile("long", max_examples=400, **ALIKE)
settings.load_profile("fixed")
