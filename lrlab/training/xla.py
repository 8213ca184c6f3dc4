"""For which models XLA compiles the epochs: one rule."""

from __future__ import annotations

from lrlab.backend import keras

from lrlab.training.internals import flatten_layers, metrics_as_given

XLA_LAYERS = frozenset(
    {
        keras.layers.Activation,
        keras.layers.Dense,
        keras.layers.ELU,
        keras.layers.Flatten,
        keras.layers.InputLayer,
        keras.layers.LeakyReLU,
        keras.layers.ReLU,
        keras.layers.Rescaling,
        keras.layers.Reshape,
        keras.layers.Softmax,
    }
)
# MLPs with Adam on 1,437 samples, ms an epoch in model.fit / here without XLA / with, on two busy
# cores: 2,410 parameters 412 / 41 / 6; 9,610 337 / 35 / 8; 50,826 582 / 63 / 15; 100,234
# 614 / 144 / 46; 998,070 1480 / 537 / 304. But the more ReLU units, the likelier it is that XLA's
# rounding sends one across its kink: of 35 trainings of up to 51,000 parameters one ended with a
# weight 4e-5 off, of 8 larger ones four, by up to 2e-3.
XLA_PARAMETERS = 20_000
_PARTS_OF_A_LAYER = (
    "activation",
    "activity_regularizer",
    "bias_constraint",
    "bias_regularizer",
    "kernel_constraint",
    "kernel_regularizer",
)


def uses_xla(model: keras.Model) -> bool:
    """Tell whether `fit` compiles the epochs of a compiled model with XLA.

    It does where `model.jit_compile` is true, as Keras would, and for small, dense, deterministic
    models: a Sequential or functional model of at most `XLA_PARAMETERS` (20,000) float32
    parameters and one output, whose layers are all among `XLA_LAYERS` and whose loss, metrics and
    optimizer are Keras's own. There XLA is several times faster, and agrees with `model.fit` to
    about 1e-6.
    Convolutions run slower under XLA on a CPU, layers like Dropout draw other random numbers, and
    in large models the rounding differs by more than 1e-5.
    """
    if model.jit_compile:
        return True
    return (
        is_all_kerass_own(model)
        and len(model.outputs or []) == 1
        and model.count_params() <= XLA_PARAMETERS
        and all(
            type(layer) in XLA_LAYERS and layer.compute_dtype == "float32" for layer in model.layers
        )
    )


def is_all_kerass_own(model: keras.Model) -> bool:
    """Tell whether no class or function of a compiled model is somebody else's."""
    layers = flatten_layers(model)
    parts = [*layers, model.optimizer, *keras.tree.flatten(model.loss), *model.metrics]
    parts += metrics_as_given(model)
    parts += [getattr(layer, name, None) for layer in layers for name in _PARTS_OF_A_LAYER]
    return all(is_kerass_own(part) for part in parts)


def is_kerass_own(part: object) -> bool:
    """Tell whether an object, its class or a function is Keras's; None and names count as such.

    So do the optimizers of lrlab, which make one update a step as those of Keras do.
    """
    if part is None or isinstance(part, str):
        return True
    named = part if isinstance(part, type) or callable(part) else type(part)
    module = getattr(named, "__module__", None) or type(part).__module__
    return module.startswith(("keras.", "lrlab.optimizers"))
