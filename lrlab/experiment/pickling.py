"""What `model.compile` takes, made so that it can be pickled and comes out as it went in.

Keras pickles such parts by the names of their classes, which another process does not know where
they were defined in a notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lrlab.backend import keras


@dataclass(frozen=True)
class _Packed:
    """A Keras object: what makes it, of a class that cloudpickle takes by value, and from what."""

    make: Callable[[dict[str, Any]], Any]
    content: dict[str, Any]


def pack(structure: Any) -> Any:
    """Return the same structure with the Keras objects in it packed.

    An optimizer or a metric is its config, as when Keras saves a model; a loss is its attributes,
    for of a Huber loss the config forgets delta.
    """

    def pack_part(part: Any) -> Any:
        if isinstance(part, keras.optimizers.Optimizer | keras.metrics.Metric):
            return _Packed(type(part).from_config, part.get_config())
        if isinstance(part, keras.losses.Loss):
            return _Packed(partial(_with_attributes, type(part)), dict(vars(part)))
        return part

    return keras.tree.map_structure(pack_part, structure)


def unpack(structure: Any) -> Any:
    """Return what `pack` was given, the Keras objects in it new ones."""
    return keras.tree.map_structure(
        lambda part: part.make(part.content) if isinstance(part, _Packed) else part, structure
    )


def _with_attributes(kind: Any, attributes: dict[str, Any]) -> Any:
    made = kind.__new__(kind)
    vars(made).update(attributes)
    return made
