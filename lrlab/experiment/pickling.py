"""What `model.compile` takes, made so that it can be pickled and comes out as it went in.

Keras pickles such parts by the names of their classes, which another process does not know where
they were defined in a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lrlab.backend import keras


@dataclass(frozen=True)
class _Packed:
    """A Keras object: its class, which cloudpickle takes by value, and what is in it."""

    kind: Any
    config: dict[str, Any] | None
    fields: dict[str, Any]

    def unpack(self) -> Any:
        if self.config is not None:
            return self.kind.from_config(self.config)
        made = self.kind.__new__(self.kind)
        vars(made).update(self.fields)
        return made


def pack(structure: Any) -> Any:
    """Return the same structure with the Keras objects in it packed.

    An optimizer or a metric is its config, as when Keras saves a model; a loss is its attributes,
    for of a Huber loss the config forgets delta.
    """

    def pack_part(part: Any) -> Any:
        if isinstance(part, keras.optimizers.Optimizer | keras.metrics.Metric):
            return _Packed(type(part), part.get_config(), {})
        if isinstance(part, keras.losses.Loss):
            return _Packed(type(part), None, dict(vars(part)))
        return part

    return keras.tree.map_structure(pack_part, structure)


def unpack(structure: Any) -> Any:
    """Return what `pack` was given, the Keras objects in it new ones."""
    return keras.tree.map_structure(
        lambda part: part.unpack() if isinstance(part, _Packed) else part, structure
    )
