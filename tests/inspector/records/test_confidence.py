"""What a code of confidence means, in both encodings."""

import numpy as np
import pytest

from inspector.records.confidence import Encoding, encode, log_odds, probabilities


@pytest.mark.parametrize("encoding", ["linear", "log_odds"])
def test_every_code_is_the_code_of_its_probability(encoding: Encoding) -> None:
    """Decoding and encoding again changes nothing, more is never less, and 0 is sound strip alone."""
    table = probabilities(encoding)
    assert encode(table, encoding).tolist() == list(range(256))
    assert (np.diff(table) > 0).all()
    assert table[0] == 0


def test_log_odds_tell_high_probabilities_apart_and_never_reach_1() -> None:
    """0.998, 0.999 and 0.9999 are three codes, where 255 p has two; certainty itself is the last code, below 1."""
    high = np.array([0.998, 0.999, 0.9999])
    assert len(set(encode(high, "log_odds").tolist())) == 3
    assert len(set(encode(high[1:], "linear").tolist())) == 1
    assert encode(np.array([1.0, 1e-9]), "log_odds").tolist() == [255, 1]
    assert 0.99999 < probabilities("log_odds")[255] < 1


def test_log_odds_are_right_to_half_a_code() -> None:
    """What is decoded is within 1/32 of the log-odds that were encoded, between the ends."""
    given = np.linspace(0.02, 0.99999, 5000)
    found = probabilities("log_odds")[encode(given, "log_odds")]
    assert np.abs(np.log(found / (1 - found)) - np.log(given / (1 - given))).max() <= 1 / 32 + 1e-9


@pytest.mark.parametrize("encoding", ["linear", "log_odds"])
def test_log_odds_of_every_code_are_those_of_its_probability_and_finite(encoding: Encoding) -> None:
    """The codes between the ends to the digit; no code, not that of sound strip either, has none."""
    within = probabilities(encoding)[1:255]
    assert log_odds(encoding)[1:255] == pytest.approx(np.log(within / (1 - within)))
    assert np.isfinite(log_odds(encoding)).all() and (np.diff(log_odds(encoding)) > 0).all()
