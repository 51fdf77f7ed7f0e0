"""The benches that need no engine still run; what they print is for people."""

from types import ModuleType

import pytest

from tests.bench import analysis, masks


@pytest.mark.parametrize("bench", [analysis, masks])
def test_it_runs(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """It measures what the code is now: a call that no longer fits, or a wrong count, fails here."""
    bench.main()
    assert any(character.isdigit() for character in capsys.readouterr().out)
