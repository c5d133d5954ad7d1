"""The initializer of one of several tables."""

import keras
import numpy as np


def for_table(
    initializer: keras.initializers.Initializer, number: int
) -> keras.initializers.Initializer:
    """An initializer like another one that draws values of its own for a table.

    One instance would give equal values to tables of equal shape, and so would a clone of one with
    a seed: then rows of products or sums of two tables would coincide.

    Args:
        initializer: Initializer.
        number: int. Of the table in its layer; table 0 draws as the initializer itself does.

    Returns:
        Initializer. The one given, where it cannot be cloned or has a generator of seeds, which
        moves on with every draw.
    """
    try:
        config = initializer.get_config()
        seed = config.get("seed")
        if isinstance(seed, int) and number > 0:
            config["seed"] = int(np.random.SeedSequence([abs(seed), number]).generate_state(1)[0])
        if not isinstance(seed, dict):
            return type(initializer).from_config(config)
    except Exception:  # whatever the constructor of someone's class raises
        pass
    return initializer
