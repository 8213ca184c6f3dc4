"""What a run says of a training."""

from dataclasses import replace

from lrlab.backend import keras

import numpy as np
import pytest
from experiments import LABELS, X, dense, experiment_of

from lrlab.explorers.run_explorer import outcome

ks = keras.optimizers.schedules


class TestRun:
    def test_start_loss_is_that_of_the_untrained_model(self, experiment):
        keras.utils.set_random_seed(0)
        model = dense()
        model.compile("sgd", "sparse_categorical_crossentropy")
        expected = model.evaluate(X, LABELS, verbose=0)
        assert experiment.run(0.1).start_loss == pytest.approx(expected, rel=1e-5)

    def test_moved_is_a_share_of_the_first_weights(self, experiment):
        keras.utils.set_random_seed(0)
        first = np.concatenate([w.ravel() for w in dense().get_weights()])
        run = experiment.run(0.5)
        last = np.concatenate([w.ravel() for w in experiment.model.get_weights()])
        expected = np.linalg.norm(last - first) / np.linalg.norm(first)
        assert run.moved == pytest.approx(expected, rel=1e-5)

    def test_chance_is_the_entropy_of_the_labels_it_trains_on(self, experiment):
        shares = np.bincount(LABELS) / len(LABELS)
        expected = -(shares * np.log(shares)).sum()
        assert experiment.run(0.1).chance == pytest.approx(expected, rel=1e-5)

    def test_a_metric_of_several_numbers_is_shown_as_a_list(self):
        one_hot = np.eye(3, dtype="float32")[LABELS]
        run = experiment_of(
            dataset=(X, one_hot, X[:20], one_hot[:20]),
            loss="categorical_crossentropy",
            metrics=[keras.metrics.F1Score()],
        ).run(0.1)
        scores = ", ".join(f"{score:.4g}" for score in run.final["f1_score"])
        assert scores.count(",") == 2
        assert f"Run(f1_score=[{scores}], loss=" in repr(run)
        assert f"<b>[{scores}]</b>" in outcome(run)

    def test_a_metric_of_a_table_of_numbers_is_shown_in_one_line(self, experiment):
        run = replace(experiment.run(0.1), history={"loss": [0.5], "table": [np.eye(2)]})
        assert repr(run).startswith("Run(loss=0.5, table=[[1, 0], [0, 1]], verdict=")

    def test_repr_is_one_line(self, experiment):
        run = experiment.run(0.1)
        assert repr(run).startswith(f"Run(accuracy={run.final['accuracy']:.4g}, loss=")
        assert repr(run).endswith(f"verdict={run.verdict!r})")
        assert "\n" not in repr(run)
        assert "learning_rate" not in repr(run)  # which is no result

    def test_a_run_keeps_its_numbers_when_the_next_one_trains(self, experiment):
        run = experiment.run(0.1)
        history = {name: list(values) for name, values in run.history.items()}
        rates = run.learning_rates.copy()
        experiment.run(ks.CosineDecay(0.9, 20))
        assert run.history == history
        np.testing.assert_array_equal(run.learning_rates, rates)
