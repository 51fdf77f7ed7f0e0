"""The engine that a configuration names: refused where this machine cannot run it, and warm when it is loaded."""

from pathlib import Path

import pytest

from inspector import recipe
from inspector.engines import choice, openvino, processor
from inspector.engines.settings import EngineSection
from inspector.errors import EXIT_CONFIG, EngineError, EngineRefused
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps
from tests.recipes import write_recipe


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "refused"),
    [
        ("x86_64", "flags\t\t: sse4_1 sse4_2 popcnt", True),
        ("x86_64", "flags\t\t: sse4_2 avx", False),
        ("x86_64", "", False),
        ("aarch64", "Features\t: asimd", False),
    ],
)
def test_a_processor_without_avx_is_refused_by_reading_alone(
    machine: str, cpuinfo: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO loads there, and fails in the first batch: check and run say so before, and systemd does not try on."""
    card, model = recipe.load(write_recipe(tmp_path / "recipe"))
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{cpuinfo}\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    for kind, raises in (("openvino", refused), ("tensorrt", False)):
        section = EngineSection(kind=kind)  # type: ignore[arg-type]  # a word of the parametrisation
        if raises:
            with pytest.raises(EngineRefused, match="tiny@1: this processor lacks AVX") as caught:
                choice.check(section, card, model)
            assert caught.value.exit_code == EXIT_CONFIG
        else:
            choice.check(section, card, model)


def test_a_network_that_does_not_run_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails as it is warmed up fails at each start: no restart helps."""
    card, model = recipe.load(write_recipe(tmp_path / "recipe"))

    def fail(engine: openvino.OpenVino) -> Maps:
        engine._idle.append(engine._busy.popleft()[0])
        raise EngineError("no primitive")

    monkeypatch.setattr(openvino.OpenVino, "result", fail)
    with pytest.raises(EngineRefused, match="tiny@1 does not run on this processor: no primitive"):
        choice.load(EngineSection(threads=1), card, model, 2, tmp_path)


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8]), (256, [*(2**n for n in range(9))])]
)
def test_a_warm_up_grows_with_the_largest_batch_and_not_with_its_square(most: int, sizes: list[int]) -> None:
    """Each doubling and the largest run twice, the largest last: how long that took is what a batch may take."""
    assert choice.sizes_to_warm(most) == sizes


def test_what_is_loaded_has_run_these_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as batches are in flight, and in this order."""
    card, model = recipe.load(write_recipe(tmp_path / "recipe"))
    ran, submit = list[int](), openvino.OpenVino.submit

    def counted(engine: openvino.OpenVino, frames: Bytes3D) -> None:
        ran.append(len(frames))
        submit(engine, frames)

    monkeypatch.setattr(openvino.OpenVino, "submit", counted)
    choice.load(EngineSection(threads=1), card, model, 6, tmp_path).close()
    assert ran == [1, 1, 2, 2, 4, 4, 6, 6]
