"""A class's settings: the one rule that says whether a defect is reported."""

import math

import msgspec
import numpy as np
import pytest

from inspector.records.recipe import Certainty, DefectClass

CERTAINTY = Certainty(constant=2.0, log_odds=0.7, log_area=-0.4, log_length=0.2)
KIND = DefectClass(1, "dark", 0.5, 20.0, 0.8, 0.6, CERTAINTY)
CHANCE = np.random.default_rng(3)
AREAS, LENGTHS = np.exp(CHANCE.uniform(-4, 12, (2, 300)))
CONFIDENCES = np.concatenate(([0.0, 1.0], CHANCE.uniform(0, 1, 298)))
DEFECTS = [tuple(map(float, own)) for own in zip(AREAS, LENGTHS, CONFIDENCES, strict=True)]


def test_a_probability_is_the_regressions() -> None:
    """It follows from log-odds, logarithm of area and of length."""
    for area_mm2, length_mm, confidence in DEFECTS[2:]:
        logit = 2.0 + 0.7 * math.log(confidence / (1 - confidence)) - 0.4 * math.log(max(area_mm2, 0.1))
        logit += 0.2 * math.log(max(length_mm, 0.1))
        assert CERTAINTY.probability(area_mm2, length_mm, confidence) == pytest.approx(1 / (1 + math.exp(-logit)))


@pytest.mark.parametrize("certainty", [CERTAINTY, None])
@pytest.mark.parametrize("least", [0.0, 0.85, 0.95])
def test_a_defect_is_large_sure_and_probable(certainty: Certainty | None, least: float) -> None:
    """It is reported where its area, its best pixel and the probability of the whole reach what is asked."""
    kind = msgspec.structs.replace(KIND, min_probability=least, certainty=certainty)
    found = [kind.reports(*own) for own in DEFECTS]
    passes = (AREAS >= 20) & (CONFIDENCES >= 0.8)
    assert kind.may_report(AREAS, CONFIDENCES).tolist() == passes.tolist()
    probable = [kind.probability(*own) >= least for own in DEFECTS]
    assert found == (passes & probable).tolist() and set(map(type, found)) == {bool}
    assert any(found) and (not least or found != passes.tolist())


@pytest.mark.parametrize("range_mm", [{"largest_mm2": 100.0}, {"longest_mm": 50.0}])
def test_what_is_larger_than_all_that_was_fitted_to_is_reported(range_mm: dict[str, float]) -> None:
    """As far as area and pixels go; within the range its probability decides, which it states in any case."""
    noted = msgspec.structs.replace(CERTAINTY, constant=-20.0, **range_mm)
    kind = msgspec.structs.replace(KIND, certainty=noted)
    assert kind.reports(101.0, 51.0, 0.9) and not kind.reports(99.0, 49.0, 0.9) and not kind.reports(101.0, 51.0, 0.7)
    assert kind.deciding(101.0, 51.0, 0.9) == 1.0 and kind.probability(101.0, 51.0, 0.9) < 0.01
