"""The benches that need no engine still run; what they print is for people."""

import math
from pathlib import Path
from types import ModuleType

import pytest

from tests.bench import analysis, masks, training
from tests.bench.steel_folder import write_steel


@pytest.mark.parametrize("bench", [analysis, masks])
def test_it_runs(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """It measures what the code is now: a call that no longer fits, or a wrong count, fails here."""
    bench.main()
    assert any(character.isdigit() for character in capsys.readouterr().out)


def test_our_loop_is_the_trainers(tmp_path: Path) -> None:
    """What is compared with another library's loop takes a step of ours and has a loss."""
    step, _ = training.our_step(write_steel(tmp_path / "steel", 4))
    assert math.isfinite(float(str(step())))
