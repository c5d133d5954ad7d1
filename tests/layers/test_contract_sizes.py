"""What every layer promises of its size: parameters, ratios."""

import math

import numpy as np
import pytest

from tests.layers.contract import INPUT_DIM, OUTPUT_DIM, once
from tfcompress import layers
from tfcompress.errors import ConfigError


def without_names(config):
    """A configuration without the names that Keras makes up."""
    if isinstance(config, dict):
        return {k: without_names(v) for k, v in config.items() if k != "name"}
    return config


def preset_of(case):
    """What the name on the command line stands for beyond the class."""
    arguments = case.make().size_arguments()
    return {key: arguments[key] for key in ("use_bias", "num_hashes") if key in arguments}


@once
def test_parameters_follow_the_formula(case):
    layer = case.make()
    assert layer.num_parameters == case.parameters
    assert layer.count_params() == case.parameters
    assert case.make(ranks=np.arange(INPUT_DIM)).num_parameters == case.parameters + INPUT_DIM


@once
def test_from_ratio_is_the_largest(case):
    cls = type(case.make())
    arguments, preset = case.ratio_arguments or {}, preset_of(case)
    for ratio in (case.ratio, case.ratio * 0.77, 1 + (case.ratio - 1) / 3):
        if ratio < 1:
            continue
        layer = cls.from_ratio(INPUT_DIM, OUTPUT_DIM, ratio, **preset, **arguments)
        named = layers.create(case.name, INPUT_DIM, OUTPUT_DIM, ratio=ratio, **arguments)
        assert without_names(named.get_config()) == without_names(layer.get_config())
        budget = math.floor(INPUT_DIM * OUTPUT_DIM / ratio)
        assert layer.num_parameters <= budget
        if case.own_search:
            continue  # searched in its own test
        sizes = cls.sizes(INPUT_DIM, OUTPUT_DIM, **preset, **arguments)
        every = [sizes.parameters(size) for size in range(sizes.low, sizes.high + 1)]
        assert layer.num_parameters == max(count for count in every if count <= budget)


@once
def test_from_ratio_counts_ranks(case):
    if case.ratio == 1:
        pytest.skip("the full table has no room for a permutation")
    cls = type(case.make())
    layer = cls.from_ratio(
        INPUT_DIM,
        OUTPUT_DIM,
        3,
        ranks=np.arange(INPUT_DIM),
        **preset_of(case),
        **(case.ratio_arguments or {}),
    )
    assert INPUT_DIM < layer.num_parameters <= INPUT_DIM * OUTPUT_DIM / 3


@once
def test_ranks_that_are_not_stored_do_not_count(case):
    arguments = {**preset_of(case), **(case.ratio_arguments or {})}
    without, plain = (
        type(case.make()).from_ratio(INPUT_DIM, OUTPUT_DIM, case.ratio, ranks=ranks, **arguments)
        for ranks in (False, None)
    )
    assert without.num_parameters == plain.num_parameters


@once
def test_unreachable_ratio_names_the_highest(case):
    arguments = {"input_dim": INPUT_DIM, "output_dim": OUTPUT_DIM, **(case.ratio_arguments or {})}
    with pytest.raises(ConfigError, match="highest ratio it can reach is") as error:
        layers.create(case.name, ratio=case.unreachable, **arguments)
    highest = float(str(error.value).split("can reach is ")[1].split(" ")[0])
    assert highest < case.unreachable
    assert layers.create(case.name, ratio=highest, **arguments).num_parameters > 0


@once
@pytest.mark.parametrize("ratio", [0, -2, 0.5, float("nan"), float("inf"), "16", True])
def test_invalid_ratio(case, ratio):
    with pytest.raises(ConfigError, match="ratio must be"):
        layers.create(case.name, INPUT_DIM, OUTPUT_DIM, ratio=ratio, **(case.ratio_arguments or {}))
