"""The models have the documented shape, and say which data they cannot take."""

import doctest

from lrlab.backend import keras

import numpy as np
import pytest

from lrlab import data, models
from lrlab.data import as_dataset

layers = keras.layers
IMAGES = np.zeros((4, 6, 5, 3), "float32")


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(models).failed == 0


class TestModels:
    def test_mlp_on_digits_is_64_32_10(self):
        model = models.mlp(data.digits())
        assert [weights.shape for weights in model.weights] == [(64, 32), (32,), (32, 10), (10,)]
        assert [layer.activation.__name__ for layer in model.layers] == ["relu", "softmax"]
        assert not model.compiled

    def test_mlp_takes_its_hidden_layers_and_activation(self):
        model = models.mlp(data.spirals(), hidden=(8, 4), activation="tanh")
        assert [layer.units for layer in model.layers] == [8, 4, 3]
        assert model.layers[1].activation is keras.activations.tanh

    def test_linear_has_one_layer(self):
        assert models.linear(data.digits()).count_params() == 64 * 10 + 10

    @pytest.mark.parametrize("build", [models.linear, models.mlp])
    def test_regression_ends_in_one_linear_unit(self, build):
        head = build(data.diabetes()).layers[-1]
        assert (head.units, head.activation) == (1, keras.activations.linear)

    def test_cnn_on_digits_sees_an_image_and_has_about_10000_parameters(self):
        model = models.cnn(data.digits())
        assert model.input_shape == (None, 64)
        assert model.layers[0].output.shape == (None, 8, 8, 1)
        assert model.count_params() == 160 + 4640 + 5130

    def test_cnn_takes_images_as_they_are(self):
        colour = as_dataset((IMAGES, np.arange(4), IMAGES, np.arange(4)))
        grey = as_dataset((IMAGES[..., 0], np.arange(4), IMAGES[..., 0], np.arange(4)))
        assert models.cnn(colour).output_shape == models.cnn(grey).output_shape == (None, 4)

    def test_mlp_flattens_images(self):
        images = as_dataset((IMAGES, np.arange(4), IMAGES, np.arange(4)))
        assert models.mlp(images).count_params() == 90 * 32 + 32 + 32 * 4 + 4

    @pytest.mark.parametrize("load", [data.moons, data.spirals, data.diabetes])
    def test_cnn_says_which_data_it_cannot_take(self, load):
        with pytest.raises(ValueError, match=f"{load.__name__}.*Use mlp"):
            models.cnn(load())

    @pytest.mark.parametrize("hidden", [32, "32", (0,), (2.5,)])
    def test_hidden_must_be_whole_numbers_of_units(self, hidden):
        with pytest.raises(ValueError, match="hidden must be a sequence"):
            models.mlp(data.moons(), hidden=hidden)
