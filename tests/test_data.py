"""The data sets are what they say, and their code makes them bit for bit."""

import doctest
import pickle

from lrlab.backend import keras, tf

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from lrlab import data
from lrlab.checks import named_arrays
from lrlab.data import Dataset, as_dataset

BUILT_IN = [data.digits, data.moons, data.spirals, data.diabetes, data.wave]
ARRAYS = ("x_train", "y_train", "x_val", "y_val")
X, LABELS, AMOUNTS = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2]), np.ones(6)
MULTI = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, LABELS


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(data).failed == 0
    assert doctest.testmod(data).attempted > 5


class TestBuiltIn:
    @pytest.mark.parametrize("load", BUILT_IN)
    def test_the_code_alone_makes_the_same_arrays_bit_for_bit(self, load):
        namespace = {}
        exec(load().code, namespace)  # noqa: S102 - this is what the learner does
        for name in ARRAYS:
            expected = getattr(load(), name)
            assert namespace[name].dtype == expected.dtype
            assert namespace[name].tobytes() == expected.tobytes()

    @pytest.mark.parametrize("load", BUILT_IN)
    def test_the_code_knows_no_lrlab_and_fits_a_notebook(self, load):
        lines = load().code.splitlines()
        assert not any("lrlab" in line for line in lines)
        assert max(map(len, lines)) <= 88
        assert not lines[0].startswith(" ")

    @pytest.mark.parametrize(
        ("load", "train", "val", "classes"),
        [
            (data.digits, (1437, 64), (360, 64), 10),
            (data.moons, (800, 2), (200, 2), 2),
            (data.spirals, (960, 2), (240, 2), 3),
            (data.diabetes, (353, 10), (89, 10), None),
            (data.wave, (800, 1), (200, 1), None),
        ],
    )
    def test_shapes_and_types_are_as_documented(self, load, train, val, classes):
        dataset = load()
        assert dataset.name == load.__name__
        assert (dataset.x_train.shape, dataset.x_val.shape) == (train, val)
        assert (dataset.y_train.shape, dataset.y_val.shape) == (train[:1], val[:1])
        assert dataset.x_train.dtype == dataset.x_val.dtype == np.float32
        assert dataset.y_train.dtype == (np.int64 if classes else np.float32)
        assert dataset.classes == classes
        assert dataset.task == ("classification" if classes else "regression")

    def test_digits_are_the_scans_of_scikit_learn_divided_by_16(self):
        from sklearn.datasets import load_digits

        scans, labels = load_digits(return_X_y=True)
        digits = data.digits()
        pixels = np.concatenate([digits.x_train, digits.x_val]) * 16
        targets = np.concatenate([digits.y_train, digits.y_val])
        rows = sorted(zip(map(tuple, pixels), targets, strict=True))
        assert rows == sorted(zip(map(tuple, scans), labels, strict=True))

    @pytest.mark.parametrize("load", [data.digits, data.moons, data.spirals])
    def test_a_fifth_of_every_class_is_held_out(self, load):
        dataset = load()
        train, val = np.bincount(dataset.y_train), np.bincount(dataset.y_val)
        np.testing.assert_allclose(val, (train + val) / 5, atol=1)

    @pytest.mark.parametrize("load", [data.moons, data.spirals])
    def test_made_classes_are_balanced(self, load):
        assert len(set(np.bincount(load().y_train))) == 1

    def test_diabetes_is_standardised_by_its_training_part_alone(self):
        diabetes = data.diabetes()
        for part in (diabetes.x_train, diabetes.y_train):
            np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-6)
            np.testing.assert_allclose(part.std(axis=0), 1, atol=1e-6)
        assert abs(diabetes.y_val.mean()) > 1e-3

    @pytest.mark.parametrize("load", BUILT_IN)
    def test_it_is_made_once_and_cannot_be_changed(self, load):
        assert load() is load()
        for name in ARRAYS:
            with pytest.raises(ValueError, match="read-only"):
                getattr(load(), name)[0] = 0

    @pytest.mark.parametrize("load", BUILT_IN)
    def test_its_repr_is_one_line_of_at_most_110_characters(self, load):
        assert len(repr(load())) <= 110
        assert "\n" not in repr(load())


class TestAsDataset:
    def test_a_dataset_stays_the_same_object(self):
        assert as_dataset(data.moons()) is data.moons()

    def test_whole_numbers_are_labels(self):
        dataset = as_dataset((X, LABELS, X[:2], LABELS[:2]))
        assert (dataset.task, dataset.classes, dataset.outputs) == ("classification", 3, 3)
        assert dataset.name == "your data"
        assert dataset.code == ""

    def test_booleans_are_two_classes(self):
        dataset = as_dataset((X, LABELS > 0, X, LABELS > 0))
        assert dataset.classes == 2
        assert dataset.y_train.dtype == np.int64

    def test_floats_are_amounts(self):
        dataset = as_dataset((X, AMOUNTS, X, AMOUNTS))
        assert (dataset.task, dataset.classes, dataset.outputs) == ("regression", None, 1)
        assert as_dataset((X, X, X, X)).outputs == 2

    def test_lists_are_taken(self):
        dataset = as_dataset([X.tolist(), LABELS.tolist(), X.tolist(), LABELS.tolist()])
        assert dataset.input_shape == (2,)

    def test_the_users_own_arrays_stay_writable(self):
        x = X.copy()
        as_dataset((x, AMOUNTS, x, AMOUNTS))
        x[0] = 7

    @pytest.mark.parametrize(
        ("received", "says"),
        [
            ((X, LABELS), "tuple of length 2"),
            ("digits", "Received: str"),
            ((X[:5], LABELS, X, LABELS), "5 rows in x_train, 6 in y_train"),
            ((X, LABELS, X, LABELS[:3]), "6 rows in x_val, 3 in y_val"),
            ((X[:0], LABELS[:0], X, LABELS), r"x_train.shape=\(0, 2\)"),
            ((X, LABELS, X[:0], LABELS[:0]), "at least one sample"),
            ((X * np.nan, LABELS, X, LABELS), "12 values that are NaN or infinite"),
            ((X, AMOUNTS * np.inf, X, AMOUNTS), "y_train must hold finite numbers"),
            ((X.astype(str), LABELS, X, LABELS), "must be an array of numbers"),
            ((X, LABELS, X[:, :1], LABELS), "one shape in training and validation"),
            ((X[:, 0], LABELS, X[:, 0], LABELS), r"x.reshape\(-1, 1\)"),
            ((X, MULTI, X, MULTI), r"y_train.shape=\(6, 3\).*several classes hold at once"),
            ((X, np.eye(6), X, np.eye(6)[:, :5]), "one shape in training and validation"),
            (({"a": X, "b": X[:4]}, LABELS, X, LABELS), r"6 rows in x_train\['a'\], 4 in x_train"),
            ((list(X), LABELS, X, LABELS), r"2 rows in x_train\[0\], 6 in y_train.*np.stack"),
            (({"a": X}, LABELS, {"b": X}, LABELS), "one shape in training and validation"),
            (([X, X], LABELS, [X], LABELS), "one shape in training and validation"),
            (({"a": X, "b": [["x"]] * 6}, LABELS, X, LABELS), r"x_train\['b'\] must be an array"),
            (({}, LABELS, {}, LABELS), "Received: dict. Pass an array"),
            ((X, LABELS - 1, X, LABELS), "y_train from -1 to 1"),
            ((X, LABELS, X, LABELS + 1), r'\(regression\), pass y.astype\("float32"\)'),
        ],
    )
    def test_what_cannot_work_is_said_at_the_door(self, received, says):
        with pytest.raises(ValueError, match=says):
            as_dataset(received)

    def test_dicts_and_lists_of_arrays_are_several(self):
        dataset = as_dataset(({"a": X, "b": X[:, 0]}, LABELS, {"a": X[:2], "b": X[:2, 0]}, [0, 1]))
        assert dataset.input_shape == {"a": (2,), "b": ()}
        assert (dataset.samples, dataset.classes) == (6, 3)
        dataset = as_dataset(
            ([X, X], {"p": AMOUNTS, "q": LABELS}, [X, X], {"p": AMOUNTS, "q": LABELS})
        )
        assert dataset.input_shape == ((2,), (2,))
        assert dataset.task == "several targets"
        assert "several targets, 6 training" in repr(dataset)
        for wrong in (lambda: dataset.outputs, lambda: dataset.labels):
            with pytest.raises(ValueError, match=r"Received: "):
                wrong()

    def test_a_list_of_one_array_is_that_array(self):
        assert as_dataset(([X], [LABELS], [X], [LABELS])).input_shape == (2,)

    @pytest.mark.parametrize("kind", [float, "float32", int, "uint8", bool])
    def test_one_hot_rows_are_classes(self, kind):
        rows = np.eye(3)[LABELS].astype(kind)
        dataset = as_dataset((X, rows, X[:2], rows[:2]))
        assert (dataset.task, dataset.classes, dataset.outputs) == ("classification", 3, 3)
        assert dataset.y_train.shape == (6, 3)
        assert dataset.labels.tolist() == LABELS.tolist()

    @pytest.mark.parametrize("rows", [np.eye(3)[LABELS] * 0.9, np.zeros((6, 3)), MULTI * 1.0])
    def test_other_rows_of_floats_are_amounts(self, rows):
        assert as_dataset((X, rows, X, rows)).task == "regression"

    def test_a_column_of_labels_is_labels(self):
        dataset = as_dataset((X, LABELS[:, None], X, LABELS[:, None]))
        assert dataset.labels.tolist() == LABELS.tolist()

    @pytest.mark.parametrize("make", [pd.DataFrame, tf.constant, np.asfortranarray, np.longdouble])
    def test_what_is_an_array_in_another_coat_is_taken(self, make):
        dataset = as_dataset((make(X), make(LABELS), make(X), make(LABELS)))
        assert type(dataset.x_train) is np.ndarray
        np.testing.assert_array_equal(dataset.x_train, X)

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            (tf.data.Dataset.from_tensor_slices(X), r"tf.data.Dataset.*as_numpy_iterator\(\)"),
            ((row for row in X), "a generator. Collect what it yields"),
            (iter(X), "a generator"),
            (Batches(), "a PyDataset. Collect its batches"),
            (tf.ragged.constant([[1.0], [1.0, 2.0]]), r"a ragged tensor.*x.to_tensor\(\)"),
            ([[1.0], [1.0, 2.0]], "rows of several lengths.*pad_sequences"),
            ([[[1.0], [1.0, 2.0]], [[1.0], [2.0]]], "rows of several lengths"),
            (scipy.sparse.csr_matrix(X), r"a sparse matrix.*x.toarray\(\)"),
            (tf.sparse.from_dense(X), "a sparse tensor.*tf.sparse.to_dense"),
            (pd.DataFrame(X).assign(city="a"), r"with other things in city. Encode"),
            (pd.DataFrame(X).convert_dtypes(), r"dtype=object.*astype\(\"float32\"\)"),
            (X.astype(str), "dtype=<U"),
            (X.astype(bytes), "dtype=|S"),
            (X.astype(object), "dtype=object"),
            (X + 1j, "dtype=complex.*x.real, x.imag"),
            (X.astype("datetime64[D]"), r"dtype=datetime64.*x - x.min\(\)"),
            (X.astype("timedelta64[D]"), "dtype=timedelta64.*Divide by a unit"),
            (np.ma.masked_less(X, 0.2), r"masked values.*x.filled\(0\)"),
            (np.zeros((6, 1), [("a", "f4")]), "must be an array of numbers"),
            ({1.0, 2.0}, "Received: set"),
            (None, "Received: NoneType"),
            (5, r"at least one sample. Received: x_train.shape=\(\)"),
        ],
    )
    def test_what_is_no_array_is_named_and_told_the_way(self, given, says):
        with pytest.raises(ValueError, match=says) as raised:
            as_dataset((given, LABELS, X, LABELS))
        assert str(raised.value).startswith("x_train must")

    @pytest.mark.parametrize("one", [tf.data.Dataset.from_tensor_slices(X), iter(X), Batches()])
    def test_it_is_so_in_place_of_all_four(self, one):
        for given in (one, (one, one)):
            with pytest.raises(ValueError, match="dataset must be given as arrays"):
                as_dataset(given)


class TestIsOnesOwn:
    """All that is made of a data set sees the same numbers, whatever happens to those given."""

    @pytest.mark.parametrize("wrap", [np.asarray, lambda a: [a, a], lambda a: {"a": a, "b": a}])
    def test_a_change_of_what_was_given_changes_nothing(self, wrap):
        x, y = X.copy(), AMOUNTS.copy()
        dataset = as_dataset((wrap(x), wrap(y), wrap(x), wrap(y)))
        x[:], y[:] = -7, -7
        for name in ARRAYS:
            for array in named_arrays(getattr(dataset, name), name).values():
                assert -7 not in array
                with pytest.raises(ValueError, match="read-only"):
                    array[0] = 7

    def test_a_view_that_cannot_be_written_to_is_copied_too(self):
        x = X.copy()
        view = x[:]
        view.flags.writeable = False
        dataset = as_dataset((view, AMOUNTS, view, AMOUNTS))
        x[:] = -7
        assert -7 not in dataset.x_train

    def test_what_nobody_can_change_is_not_copied_again(self):
        moons = data.moons()
        again = as_dataset((moons.x_train, moons.y_train, moons.x_val, moons.y_val))
        assert again.x_train is moons.x_train

    def test_out_of_a_pickle_it_cannot_be_changed_either(self):
        dataset = pickle.loads(pickle.dumps(as_dataset(({"a": X}, AMOUNTS, {"a": X}, AMOUNTS))))
        with pytest.raises(ValueError, match="read-only"):
            dataset.x_train["a"][0] = 7
        with pytest.raises(ValueError, match="read-only"):
            dataset.y_val[0] = 7


@pytest.mark.parametrize(
    ("task", "classes", "says"),
    [
        ("ranking", None, "task='ranking'"),
        ("several targets", None, "task='several targets'"),
        ("regression", 3, "no classes"),
        ("classification", None, "classes=None"),
        ("classification", 1, "2 or more"),
    ],
)
def test_a_task_must_be_known_and_fit_its_classes(task, classes, says):
    with pytest.raises(ValueError, match=says):
        Dataset("mine", X, LABELS, X, LABELS, task, classes)
