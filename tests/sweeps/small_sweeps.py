"""Sweeps that take no time, in a module that a process of its own loads as fast as Keras."""

from lrlab.backend import keras

import numpy as np
from keras import layers

from lrlab import Experiment
from lrlab.sweeps import sweep

_random = np.random.default_rng(0)
X = _random.normal(size=(40, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
DATA = (X, LABELS, X[:9], LABELS[:9])


def net(units=4, activation="relu"):
    hidden = [layers.Dense(units, activation), layers.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((3,)), *hidden])


def net_of_a_worker():
    """With a Dropout nothing is compiled with XLA, in no process."""
    inner = [layers.Dropout(0.0), layers.Dense(2, "softmax")]
    return keras.Sequential([keras.Input((3,)), *inner])


def experiment_of(build=net, dataset=DATA, **settings):
    return Experiment(build, dataset, **{"epochs": 2, "batch_size": 16, **settings})


def quietly(experiment, schedules, **options):
    return sweep(experiment, schedules, **{"progress": False, **options})
