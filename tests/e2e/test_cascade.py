"""A line whose recipe has a screen: taken by a reload, refused where nobody measured it, and found out when blind."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import onnx.parser

from inspector.records.events import Defect, Health, RecipeStatus
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK, DECIDE, GRAPH, HEIGHT, WIDTH, write_folder, write_recipe

BELOW = 0.25


def blind_model() -> bytes:
    """Make a network that sees no defect, however dark or bright."""
    graph = GRAPH.replace("knee = {{155.0}}", "knee = {{255.0}}").replace("Sub(hundred, grey)", "Sub(zero, grey)")
    return onnx.parser.parse_model(graph.format(h=HEIGHT, w=WIDTH, decide=DECIDE)).SerializeToString()


def permit(recipe: Path, screen: Path) -> None:
    """Let the recipe's card say that the screen may hold frames back."""
    sha256 = hashlib.sha256((screen / "model.onnx").read_bytes()).hexdigest()
    card = recipe / "recipe.toml"
    text = re.sub(r"\[screen\][^\[]*", "", card.read_text())
    card.write_text(
        f'{text}[screen]\nrecipe = "fast@1"\nsha256 = "{sha256}"\nbelow = {BELOW}\n'
        "defects = 1\nlost = 0\nlost_at_most = 1.0\nheld_back = 1.0\n"
    )


def test_a_screen_holds_sound_frames_back_and_a_blind_one_is_found_out(tmp_path: Path) -> None:
    """Behind a good screen every defect is reported; behind a blind one an event says so, and then every defect is."""
    good = write_recipe(tmp_path / "good", name="fast")
    blind = write_folder(tmp_path / "blind", blind_model(), "fast", ("dark", "bright"), (HEIGHT, WIDTH))
    with Mill(tmp_path) as mill, Camera(mill) as camera:
        mill.write(screen="good")
        mill.daemon.reload()
        failed = mill.received("health.reload_failed")[-1].data
        assert (
            isinstance(failed, Health) and "trainer tune-screen" in failed.message and "permits none" in failed.message
        )
        permit(tmp_path / "recipe", good)
        mill.daemon.reload()
        assert mill.received("health.reloaded")
        for number in range(20):
            camera.send(*([(10, 30, 20, 40, DARK)] if number in (4, 9) else []))
        mill.until(20)
        assert mill.metric("inspector_screen_frames_total", outcome="passed") == 2
        assert mill.metric("inspector_screen_frames_total", outcome="held_back") == 18
        assert mill.metric("inspector_screen_missed_ratio") == 0
        permit(tmp_path / "recipe", blind)
        mill.write(screen="blind", audit=0.5)
        mill.daemon.reload()
        mill.wait_until(
            lambda: (
                mill.metric("inspector_last_reload_success") == 1 and not mill.metric("inspector_screen_frames_total")
            ),
            "take the blind screen",
        )
        for number in range(20):
            camera.send(*([(10, 30, 20, 40, DARK)] if number % 2 else []))
        mill.until(40)
        found_out = mill.received("recipe.screen_blind")[-1].data
        assert (
            isinstance(found_out, RecipeStatus)
            and found_out.state == "raised"
            and "audited frames" in found_out.message
        )
        assert mill.metric("inspector_screen_blind") == 1 and mill.metric("inspector_screen_missed_ratio") > 0
        camera.send((10, 30, 20, 40, DARK))
        camera.send(coil="C2")
        defects = [event for event in mill.received("coil.ended") if isinstance(event.data, Defect)]
        assert len(defects) >= 2 + 3 + 1
