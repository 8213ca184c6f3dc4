"""What a notebook says is lower, higher, best: held to the numbers that the cell above it printed.

nbval holds these numbers to the code; three starts or more stand behind each claim.
"""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NUMBER = r"\d+\.\d+"


@cache
def notebook(number):
    """The cells of a notebook, by id."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def outputs(number, cell_id):
    return notebook(number)[cell_id].outputs


def lines(number, cell_id):
    """What a cell printed, line by line."""
    return "".join(output.get("text", "") for output in outputs(number, cell_id)).splitlines()


def each(number, cell_id):
    """The numbers of the starts, after "each", by what the line or the sentence begins with."""
    if found := spread(number, cell_id):
        return found
    rows = [line for line in lines(number, cell_id) if "each" in line]
    found = {
        re.split(r"[,:]? +(?:mean|validation|loss)", line)[0].strip(): [
            float(value) for value in re.findall(NUMBER, line.split("each")[1])
        ]
        for line in rows
    }
    assert len(found) == len(rows) > 1
    assert {len(values) for values in found.values()} == {3}
    return found


def spread(number, cell_id):
    """The numbers of the starts in the words of a picture, by name."""
    words = "".join(
        output.get("data", {}).get("text/plain", "") for output in outputs(number, cell_id)
    )
    found = dict(re.findall(r"(?<=\. )(.+?): mean [^,]+, each (.+?)\.(?= |$)", words))
    assert all(len(values.split()) == 3 for values in found.values())
    return {name: [*map(float, values.split())] for name, values in found.items()}


def mean(values):
    return sum(values) / len(values)


def below(lower, higher):
    """From every start, and not in the mean alone."""
    return all(one < other for one, other in zip(lower, higher, strict=True))


def test_00_decay_from_too_low_a_rate_makes_it_worse_from_every_start():
    decayed, low, high = each("00", "measure").values()
    assert below(decayed, low)
    assert below(low, high)


@pytest.mark.parametrize(("rate", "helps"), [(0.01, 0), (0.1, 0), (0.5, 1), (0.8, 1)])
def test_03_decay_hurts_at_low_first_rates_and_helps_at_high_ones(rate, helps):
    losses = each("03", "three-starts")
    pair = losses[f"{rate} constant"], losses[f"{rate} halved"]
    assert below(*(reversed(pair) if helps else pair))


def test_03_only_a_higher_first_rate_lifts_the_accuracy_and_the_other_two_end_alike():
    _, factor, interval, first_rate = each("03", "one-at-a-time").values()
    assert factor == interval
    assert below(factor, first_rate)


def test_03_decay_works_against_the_noise_of_batches_and_gains_nothing_without():
    constant, decayed, full, full_decayed = each("03", "full-batch").values()
    assert below(decayed, constant)
    assert mean(decayed) < 0.5 * mean(constant)
    assert all(one <= other for one, other in zip(full, full_decayed, strict=True))
    assert mean(full_decayed) == pytest.approx(mean(full), rel=0.02)


def test_03_under_noise_decay_wins_against_all_four_constant_rates():
    *constant, decayed, exact = each("03", "noise-measure").values()
    assert len(constant) == 4
    assert all(below(decayed, losses) for losses in constant)
    assert mean(decayed) - mean(exact) < 0.3 * min(mean(c) - mean(exact) for c in constant)


def test_04_seven_shapes_end_alike_one_lower_and_two_gain_little_over_no_decay():
    losses = each("04", "measure")
    means = {name: mean(values) for name, values in losses.items()}
    little = {"exponential", "inverse time"}
    assert all(0.9 * means["constant"] < means[name] < means["constant"] for name in little)
    lowest, between = "warm-up, stable, decay", "inverse square root"
    assert all(below(losses[lowest], losses[name]) for name in losses if name != lowest)
    short = "cosine, 5 epochs"
    assert all(below(losses[name], losses[short]) for name in losses if name != short)
    others = {"constant", short, lowest, between, *little}
    seven = [means[name] for name in means if name not in others]
    assert len(seven) == 7
    assert max(seven) < means[between] < min(means[name] for name in little)
    assert max(seven) - min(seven) < max(losses["cosine"]) - min(losses["cosine"])
    assert max(seven) < 0.85 * means["constant"]


def test_04_momentum_ends_lower_and_that_it_moves_brings_nothing():
    none, staying, moving = each("04", "cycle-worth").values()
    assert below(staying, none)
    assert below(moving, none)
    assert below(staying, moving)
    one_cycle = each("04", "warm")["one-cycle"]
    assert mean(staying) == pytest.approx(mean(one_cycle), rel=0.05)
    assert mean(moving) == pytest.approx(mean(one_cycle), rel=0.15)


def test_04_between_the_same_ends_the_loss_follows_the_mean_rate():
    losses = each("04", "ends")
    rates = {name: float(re.findall(rf"\(({NUMBER})\)", name)[0]) for name in losses}
    for one, rate in rates.items():
        for other, other_rate in rates.items():
            if rate > other_rate:
                assert below(losses[one], losses[other])
            elif rate == other_rate:
                assert mean(losses[one]) == pytest.approx(mean(losses[other]), rel=0.02)
    assert sorted(rates.values()) == [0.14, 0.14, 0.26, 0.26, 0.34]


def test_04_at_twice_the_rate_warm_up_ends_lower_on_average():
    cosine, *warmed = each("04", "warm").values()
    assert len(warmed) == 2
    at_half = min(mean(losses) for losses in each("04", "measure").values())
    assert all(mean(losses) < min(mean(cosine), at_half) for losses in warmed)


def test_05_a_prompt_plateau_ends_lower_than_both_rates_and_the_default_is_too_late():
    high, low, default, prompt = each("05", "worth").values()
    assert below(prompt, high)
    assert below(prompt, low)
    assert sum(losses == other for losses, other in zip(default, high, strict=True)) == 2


def test_06_by_hand_one_reaches_the_fixed_schedule_and_does_not_beat_it():
    fixed, moves = each("06", "beat").values()
    apart = min(max(losses) - min(losses) for losses in (fixed, moves))
    assert abs(mean(fixed) - mean(moves)) < 0.2 * apart


def test_06_a_lower_rate_brings_no_dead_unit_back_and_harms_no_model_without():
    (losses,), (alive,), (linear,) = (
        [output.data["text/plain"] for output in outputs("06", name)]
        for name in ("rescue-starts", "rescue-alive", "no-hidden")
    )
    assert "0.1 throughout: below 1 from each start. 2.0, then 0.1: above 1 from each" in losses
    assert "0.1 throughout: above 8 from each start. 2.0, then 0.1: below 8 from each" in alive
    assert "no hidden layer: below 1 from each start" in linear


def test_08_a_larger_batch_lifts_the_limit_at_first_and_then_no_more():
    *table, at_512 = lines("08", "limit")[2:]
    assert at_512.endswith("loss below 0.4: 3 of 3")
    counts = [line.split() for line in table]
    assert counts == [["8", "3", "0", "0"], ["64", "3", "3", "0"], ["256", "3", "3", "0"]]


def test_08_eight_times_the_batch_at_eight_times_the_rate_ends_alike():
    losses = list(each("08", "starts").values())
    assert len(losses) == 4
    for small, large in (losses[:2], losses[2:]):
        assert mean(small) == pytest.approx(mean(large), rel=0.05)


def test_08_accumulated_batches_train_as_one_large_batch_does():
    large, accumulated, small = (
        float(re.findall(NUMBER, line)[0]) for line in lines("08", "accumulation-check")
    )
    assert accumulated == pytest.approx(large, rel=1e-3)
    assert abs(small - large) > 0.01


def test_09_at_the_best_rates_adam_comes_first_and_the_three_lie_close_together():
    rows = [mean(values) for values in each("09", "fair").values()]
    (sgd, momentum, adam), best = rows[::2], rows[1::2]
    assert momentum < adam < sgd
    assert best == sorted(best, reverse=True)
    assert best[0] - best[-1] < 0.1 * (sgd - adam)


def test_09_decay_lowers_the_loss_at_twice_the_best_rate_and_changes_little_at_the_best():
    best, best_decayed, high, high_decayed = each("09", "decay-measure").values()
    assert below(high_decayed, high)
    assert mean(high_decayed) < 0.75 * mean(high)
    assert mean(best_decayed) == pytest.approx(mean(best), rel=0.05)


def test_09_a_stronger_penalty_makes_weights_smaller_in_adam_too():
    norms = list(each("09", "l2-measure").values())
    assert len(norms) == 3
    assert all(below(stronger, weaker) for weaker, stronger in pairwise(norms))
    accuracies = [mean(values) for values in each("09", "l2-accuracy").values()]
    assert accuracies[-1] < 0.5 < 0.9 < min(accuracies[:-1])


def test_09_a_tenth_of_the_rate_is_a_tenth_of_the_decay():
    first, after = (
        float(re.findall(r"take (\d+\.\d+)%", line)[0]) for line in lines("09", "schedule-decay")
    )
    assert first == pytest.approx(100 * (1 - 0.99**20), abs=0.1)
    assert after == pytest.approx(100 * (1 - 0.999**20), abs=0.1)


def test_07_the_higher_test_suggests_the_better_rate_and_a_higher_rate_is_better_still():
    higher, narrow, wide = each("07", "picks").values()
    assert below(wide, narrow)
    assert below(higher, wide)


def test_07_the_rules_disagree_and_the_valley_of_the_validation_loss_is_far_too_low():
    picks, losses = each("07", "rules"), each("07", "rules-trained")
    assert picks.keys() == losses.keys()
    for rates in picks.values():
        assert max(rates) <= 2 * min(rates)
    apart = [
        high / low
        for monitor in ("loss", "val_loss")
        for low, high in zip(
            picks[f"{monitor}, valley"], picks[f"{monitor}, steepest"], strict=True
        )
    ]
    assert min(apart) > 4
    assert max(apart) == pytest.approx(60)
    valley = losses.pop("val_loss, valley")
    assert all(below(others, valley) for others in losses.values())
    for monitor in ("loss", "val_loss"):
        assert mean(losses[f"{monitor}, steepest"]) < mean(losses[f"{monitor}, minimum"])


def test_11_halving_drops_the_best_where_it_decides_before_the_first_drop():
    kept = [line.rsplit(" ", 1)[1] for line in lines("11", "first") if "best cell kept" in line]
    assert kept == ["True", "False", "True"]


def test_11_the_five_best_of_many_settings_come_from_one_first_rate():
    (output,) = outputs("11", "many")
    words = output["data"]["text/plain"]
    (first, factors, intervals) = re.search(
        r"The best 5 have (.+?), (.+?), (.+?)\.$", words
    ).groups()
    assert first == "first rate 0.8"
    assert (factors, intervals) == ("decay factor from 0.2 to 0.8", "epochs per drop from 2 to 6")


@pytest.mark.parametrize(("rate", "helps"), [("0.03", 0), ("0.1", 0), ("0.4", 1), ("0.8", 1)])
def test_11_decay_hurts_at_low_first_rates_and_helps_at_high_ones(rate, helps):
    hard, half, without = (each("11", "rows")[f"{rate}, × {factor}"] for factor in (0.1, 0.5, 1.0))
    assert below(half, hard)
    assert mean(half) < mean(without) if helps else below(without, half)


def test_12_with_scaled_targets_the_default_is_good_and_the_error_smaller():
    (words,) = (output.data["text/plain"] for output in outputs("12", "scale"))
    _, *sentences = re.split(r"\. (?=as is|scaled)", words.rstrip("."))
    found = dict(sentence.split(": ", 1) for sentence in sentences)
    assert len(found) == 10
    assert found["as is, 0.01000"].startswith("diverged")
    assert found["as is, 0.00100"].startswith("diverged")
    errors = {
        name: [float(value) for value in line.partition("each ")[2].split()]
        for name, line in found.items()
        if "diverged" not in line
    }
    assert found["scaled, 0.01000"].startswith("good:")
    best = max(errors["scaled, 0.01000"])
    assert all(best < min(values) for name, values in errors.items() if name.startswith("as is"))
