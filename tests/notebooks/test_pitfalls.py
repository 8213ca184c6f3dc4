"""The traps: the page that finds them, and what Keras does where a cell cannot show it well."""

import re
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from keras import ops

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "13_pitfalls.ipynb"
# | [7](#trap-7) | `ValueError: ...` | the cure |
ROW = re.compile(r"^\| \[(\d+)\]\(#trap-(\d+)\) \| (.+?) \| (.+?) \|$", re.MULTILINE)
MESSAGE = re.compile(r"`+ ?\w+(Error|Warning): ")
X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = X[:, :1]


@pytest.fixture(scope="module")
def cells():
    return {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}


@pytest.fixture(scope="module")
def rows(cells):
    return ROW.findall(cells["contents"].source)


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def compiled(learning_rate=0.1):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate), loss="mse")
    return model


class TestThePage:
    def test_there_are_forty_traps_and_each_link_leads_to_one(self, cells, rows):
        assert sorted(int(number) for number, _, _, _ in rows) == list(range(1, 41))
        for number, link, _, cure in rows:
            words = cells[f"trap-{link}-words"].source
            assert words.startswith(f'<a id="trap-{number}"></a>\n### {number}. {cure}')

    def test_the_traps_stand_in_order_and_the_messages_by_their_first_letters(self, cells, rows):
        numbers = [re.findall(r"^trap-(\d+)-words$", cell_id) for cell_id in cells]
        assert [int(n) for found in numbers for n in found] == list(range(1, 41))
        messages = [seen.strip("` ").lower() for _, _, seen, _ in rows if MESSAGE.match(seen)]
        assert messages == sorted(messages)
        quiet = [int(number) for number, _, seen, _ in rows if not MESSAGE.match(seen)]
        assert quiet == sorted(quiet)

    def test_a_message_in_the_contents_is_one_that_its_cell_printed(self, cells, rows):
        messages = {number: seen.strip("` ") for number, _, seen, _ in rows if MESSAGE.match(seen)}
        assert len(messages) == 16
        for number, message in messages.items():
            assert message in printed(cells[f"trap-{number}"]), message

    def test_the_contents_stand_below_the_title(self, cells):
        assert list(cells)[:2] == ["title", "contents"]

    def test_a_message_can_be_found_in_the_words_too(self, cells):
        """A search in JupyterLab leaves outputs out."""
        words = "".join(cell.source for cell in cells.values() if cell.cell_type == "markdown")
        for cell in cells.values():
            if cell.id.startswith("trap-") and cell.cell_type == "code":
                for message in re.findall(r"^\w+(?:Error|Warning): (.+)", printed(cell), re.M):
                    assert message[:25] in words, message

    def test_every_cell_is_short(self, cells):
        code = [cell for cell in cells.values() if cell.cell_type == "code"]
        assert max(len(cell.source.splitlines()) for cell in code) <= 18


class TestWhatKerasDoes:
    def test_compounding_reaches_1e_13_in_epoch_12(self):
        def compounding(epoch, lr):
            return lr * 0.1 ** (epoch // 5)

        scheduler = keras.callbacks.LearningRateScheduler(compounding)
        history = compiled(0.01).fit(X, Y, epochs=13, callbacks=[scheduler], verbose=0).history
        # 2 drops a factor of 0.1 each: 0.01 * 0.1**5 after epochs 5 to 9, then 0.1**2 an epoch.
        assert history["learning_rate"][12] == pytest.approx(0.01 * 0.1**5 * 0.01**3, rel=1e-4)

    def test_the_docstrings_have_the_mistakes_that_the_page_names(self):
        assert "lr * ops.exp(-0.1)" in keras.callbacks.LearningRateScheduler.__doc__
        schedule = keras.optimizers.schedules.LearningRateSchedule
        assert "self.initial_learning_rate / (step + 1)" in schedule.__doc__

    def test_numpy_floats_are_taken_from_a_schedule_and_a_constructor_takes_only_the_longer(self):
        for kind in (np.float32, np.float64):
            scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, lr: kind(0.5))  # noqa: B023
            history = compiled().fit(X, Y, callbacks=[scheduler], verbose=0).history
            assert history["learning_rate"] == [0.5]
        assert float(keras.optimizers.SGD(np.float64(0.5)).learning_rate) == 0.5
        with pytest.raises(ValueError, match="should be float"):
            keras.optimizers.SGD(np.float32(0.5))

    @pytest.mark.parametrize("rate", [1, np.float32(0.5)])
    def test_either_may_be_assigned(self, rate):
        model = compiled()
        model.optimizer.learning_rate = rate
        assert float(model.optimizer.learning_rate) == rate

    def test_a_schedule_object_refuses_a_number(self):
        model = compiled(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5))
        with pytest.raises(TypeError, match="its learning rate is not settable"):
            model.optimizer.learning_rate = 0.1

    def test_a_new_schedule_object_is_ignored_after_an_old_one_too(self):
        decay = keras.optimizers.schedules.ExponentialDecay
        model = compiled(decay(0.1, 1000, 0.5))
        model.fit(X, Y, verbose=0)
        model.optimizer.learning_rate = decay(1e-12, 1000, 0.5)
        before = model.get_weights()[0]
        model.fit(X, Y, verbose=0)
        assert float(model.optimizer.learning_rate) < 1e-11
        assert abs(model.get_weights()[0] - before).max() > 1e-3

    @pytest.mark.parametrize("cooldown", [0, 1, 2, 3, 4])
    def test_a_cooldown_of_c_adds_c_minus_1_epochs(self, cooldown):
        patience = 2
        plateau = keras.callbacks.ReduceLROnPlateau(
            monitor="loss", patience=patience, min_delta=100, cooldown=cooldown
        )
        history = compiled().fit(X, Y, epochs=12, callbacks=[plateau], verbose=0).history
        cuts = np.flatnonzero(np.diff(np.log10(history["learning_rate"])) < -0.5)
        assert cuts[1] - cuts[0] == patience + max(cooldown - 1, 0)

    def test_a_rate_written_into_logs_reaches_the_history_and_the_csv_file(self, tmp_path):
        """The class as trap 36 shows it, whoever sets the rate."""
        cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
        (keep_rate,) = re.findall(r"class KeepRate.*?\n\n\n", cells["trap-36"], re.DOTALL)
        names = {"keras": keras}
        exec(keep_rate, names)  # noqa: S102
        halve = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: setattr(model.optimizer, "learning_rate", 0.05)
        )
        decay = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
        for number, (rate, others, kept) in enumerate(
            [(0.1, [], [0.1, 0.1]), (decay, [], [0.05, 0.025]), (0.1, [halve], [0.1, 0.05])]
        ):
            model = compiled(rate)
            file = tmp_path / f"{number}.csv"
            callbacks = [names["KeepRate"](), *others, keras.callbacks.CSVLogger(file)]
            history = model.fit(X, Y, epochs=2, callbacks=callbacks, verbose=0).history
            assert history["learning_rate"] == pytest.approx(kept)
            rows = file.read_text().splitlines()
            place = rows[0].split(",").index("learning_rate")
            assert [float(row.split(",")[place]) for row in rows[1:]] == pytest.approx(kept)

    def test_terminate_on_nan_lets_1e14_go_on(self):
        stop = keras.callbacks.TerminateOnNaN()
        history = compiled(1e-9).fit(X, Y + 1e7, epochs=2, callbacks=[stop], verbose=0).history
        assert history["loss"] == pytest.approx([1e14, 1e14], rel=1e-3)

    def test_a_schedule_that_casts_its_step_trains(self):
        class Inverse(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return 0.1 / (ops.cast(step, "float32") + 1)

        model = compiled(Inverse())
        model.fit(X, Y, batch_size=4, verbose=0)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.1 / 3)

    @pytest.mark.parametrize(
        ("name", "value"), [("momentum", 0.9), ("weight_decay", 0.5), ("clipnorm", 1e-3)]
    )
    def test_a_setting_assigned_after_the_first_fit_counts_only_after_compiling(self, name, value):
        def last(compile_again, assigned):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            settings = {"momentum": 0.1, "weight_decay": 0.01, "clipnorm": 1.0}
            model.compile(keras.optimizers.SGD(0.1, **settings), loss="mse")
            model.fit(X, Y, verbose=0)
            setattr(model.optimizer, name, assigned)
            if compile_again:
                model.compile(model.optimizer, loss="mse")
            model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
            return model.get_weights()[0]

        before = {"momentum": 0.1, "weight_decay": 0.01, "clipnorm": 1.0}[name]
        np.testing.assert_array_equal(last(False, before), last(False, value))
        assert abs(last(True, before) - last(True, value)).max() > 1e-4

    def test_a_callback_that_sets_momentum_as_the_first_fit_begins_is_obeyed(self):
        def weights(momentum, callbacks):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(0.1, momentum=momentum), loss="mse")
            setting = [callback(model) for callback in callbacks]
            model.fit(X, Y, epochs=3, callbacks=setting, verbose=0, shuffle=False)
            return model.get_weights()[0]

        def set_momentum(model):
            return keras.callbacks.LambdaCallback(
                on_train_begin=lambda logs: setattr(model.optimizer, "momentum", 0.9)
            )

        np.testing.assert_array_equal(weights(0.5, [set_momentum]), weights(0.9, []))

    def test_five_accumulated_batches_are_one_of_five_times_the_size(self):
        def weights(batch_size, **accumulation):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(0.1, **accumulation), loss="mse")
            model.fit(X, Y, batch_size=batch_size, epochs=3, verbose=0, shuffle=False)
            return model.get_weights()[0]

        np.testing.assert_allclose(
            weights(2, gradient_accumulation_steps=4), weights(8), rtol=1e-4, atol=1e-6
        )

    def test_a_policy_of_mixed_float16_wraps_the_optimizer_and_the_rate_is_set_through_it(self):
        with_scale = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
        with_scale.learning_rate = 0.5
        assert float(with_scale.inner_optimizer.learning_rate) == 0.5
        policy = keras.config.dtype_policy()
        try:
            keras.config.set_dtype_policy("mixed_float16")
            assert isinstance(compiled().optimizer, keras.optimizers.LossScaleOptimizer)
            keras.config.set_dtype_policy("mixed_bfloat16")
            assert isinstance(compiled().optimizer, keras.optimizers.SGD)
        finally:
            keras.config.set_dtype_policy(policy)
