"""A class's settings: one rule for one defect and for many."""

import msgspec
import numpy as np
import pytest

from inspector.records.recipe import Certainty, DefectClass

CERTAINTY = Certainty(constant=2.0, log_odds=0.7, log_area=-0.4, log_length=0.2)
KIND = DefectClass(1, "dark", 0.5, 20.0, 0.8, 0.6, CERTAINTY)
CHANCE = np.random.default_rng(3)
AREAS, LENGTHS = np.exp(CHANCE.uniform(-4, 12, (2, 300)))
CONFIDENCES = np.concatenate(([0.0, 1.0], CHANCE.uniform(0, 1, 298)))


def test_many_defects_have_the_probabilities_that_each_has() -> None:
    """Sizes of nothing and pixels that are sure among them."""
    each = [CERTAINTY.probability(*own) for own in zip(AREAS, LENGTHS, CONFIDENCES, strict=True)]
    assert CERTAINTY.probabilities(AREAS, LENGTHS, CONFIDENCES) == pytest.approx(np.array(each), abs=1e-12)
    assert CERTAINTY.probability(0.0, 0.0, 0.5) == CERTAINTY.probabilities(*np.array([[0.0], [0.0], [0.5]]))[0]


@pytest.mark.parametrize("certainty", [CERTAINTY, None])
@pytest.mark.parametrize("least", [0.0, 0.6, 0.9])
def test_one_rule_for_one_and_for_many(certainty: Certainty | None, least: float) -> None:
    """A defect is reported where it is large, its best pixel sure, and the whole probable."""
    kind = msgspec.structs.replace(KIND, min_probability=least, certainty=certainty)
    many = kind.reports(AREAS, LENGTHS, CONFIDENCES)
    each = [kind.reports(*map(float, own)) for own in zip(AREAS, LENGTHS, CONFIDENCES, strict=True)]
    assert many.tolist() == each and set(map(type, each)) == {bool}
    expected = (AREAS >= 20) & (CONFIDENCES >= 0.8)
    assert kind.may_report(AREAS, CONFIDENCES).tolist() == expected.tolist()
    probable = [kind.probability(*own) >= least for own in zip(AREAS, LENGTHS, CONFIDENCES, strict=True)]
    assert many.tolist() == (expected & probable).tolist() and many.any()
