"""A configuration is checked with all that it refers to, and what is risky though allowed is put in words."""

from pathlib import Path

import onnx
import onnx.parser
import pytest

from inspector import recipe
from inspector.engines import processor
from inspector.errors import ConfigError
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.service import engine
from inspector.service.prepare import prepare, remarks
from tests.recipes import DECIDE, GRAPH, HEIGHT, WIDTH, write_folder, write_recipe

PORTS = Ports(frames=5555, events=5556, replay=5557, http=9477)


def test_frames_that_the_intake_would_refuse(tmp_path: Path) -> None:
    """A recipe whose frames are larger than the intake takes is refused, with what it would need."""
    model = onnx.parser.parse_model(GRAPH.format(h=1024, w=1024, decide=DECIDE)).SerializeToString()
    write_folder(tmp_path / "r", model, "tiny", ("dark", "bright"), (1024, 1024))
    sections = {"intake": {"max_frame_mb": 1}}
    path = configuration.write(tmp_path / "line.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, sections=sections)
    with pytest.raises(ConfigError) as caught:
        prepare(path)
    assert str(caught.value) == (
        "line.toml: intake.max_frame_mb is 1; expected at least 2: a raw8 frame of camera top (1024 x 1024) has "
        "1.05 MB. Raise it."
    )


def test_wildcards_are_remarked_on(tmp_path: Path) -> None:
    """Each socket that every network reaches is named, and no other."""
    write_recipe(tmp_path / "r")
    sections = {
        "intake": {"bind": "tcp://*:5555"},
        "events": {"bind": "tcp://0.0.0.0:5556"},
        "keys": {"path": "keys"},
        "http": {"bind": "0.0.0.0:9477"},
    }
    path = configuration.write(tmp_path / "line.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, sections=sections)
    prepared = prepare(path)
    assert [words.split(" is open")[0] for words in remarks(prepared.settings, prepared.full.card)] == [
        "intake.bind: tcp://*:5555",
        "events.bind: tcp://0.0.0.0:5556",
        "http.bind: 0.0.0.0:9477",
    ]


def test_cameras_without_keys_are_remarked_on(tmp_path: Path) -> None:
    """Where frames come without keys by the file's own word, each start says so."""
    write_recipe(tmp_path / "r")
    sections = {"intake": {"bind": "tcp://192.168.7.2:5555", "without_keys": True}}
    path = configuration.write(tmp_path / "line.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, sections=sections)
    prepared = prepare(path)
    assert "takes frames without keys" in " ".join(remarks(prepared.settings, prepared.full.card))


def test_what_a_cpu_makes_slow_is_remarked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large batches, and a processor without the instructions that make inference fast."""
    write_recipe(tmp_path / "r")

    def found(most: int) -> list[str]:
        sections = {"batch": {"max_frames": most}}
        path = configuration.write(tmp_path / "l.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, sections=sections)
        return engine.check(prepare(path))

    monkeypatch.setattr(processor, "lacks", lambda instructions: False)
    assert found(16) == []
    assert found(17)[0].startswith("batch.max_frames is 17: a CPU takes as many times as long")
    monkeypatch.setattr(processor, "lacks", lambda instructions: instructions == "avx2")
    assert found(16)[0].startswith("this processor lacks AVX2")


@pytest.mark.parametrize(
    ("size", "small"),
    [("width = 0", 0), (f"width = {WIDTH // 2}", 0), (f"width = {WIDTH // 4}", 1), (f"height = {HEIGHT // 4}", 0)],
)
def test_a_camera_much_smaller_than_the_recipe_is_remarked_on(tmp_path: Path, size: str, small: int) -> None:
    """Where mirror images are most of what the network sees, with what follows; low frames share a plane."""
    write_recipe(tmp_path / "r")
    path = configuration.write(tmp_path / "l.toml", PORTS, Path("r"), line="l", mm_per_px=1.0)
    path.write_text(path.read_text().replace("[[camera]]", f"[[camera]]\n{size}"))
    prepared = prepare(path)
    found = [words for words in remarks(prepared.settings, prepared.full.card) if words.startswith("camera top fills")]
    assert len(found) == small and all("never out_of_specification" in words for words in found)


def test_a_screen_measured_at_unknown_settings_is_remarked_on(tmp_path: Path) -> None:
    """A card of before does not note them: its line goes on, and says what would find out."""
    folder = write_recipe(tmp_path / "r")
    write_recipe(tmp_path / "fast", name="fast")
    sections = {"recipe": {"screen": "fast"}}
    path = configuration.write(tmp_path / "l.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, sections=sections)
    card = folder / "recipe.toml"
    text, fast = card.read_text(), recipe.read_card(tmp_path / "fast")
    permitted = f'{text}[screen]\nrecipe = "fast@1"\nsha256 = "{fast.sha256}"\nbelow = 0.5\n'
    card.write_text(f"{permitted}defects = 1\nlost = 0\nlost_at_most = 1.0\nheld_back = 1.0\n")

    def is_remarked() -> bool:
        prepared = prepare(path)
        return "does not note at which settings" in " ".join(remarks(prepared.settings, prepared.full.card))

    assert is_remarked()
    card.write_text(f'{card.read_text()}settings_sha256 = "{recipe.read_card(folder).settings_sha256}"\n')
    assert not is_remarked()
