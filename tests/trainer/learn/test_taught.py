"""What a network that begins from a recipe computes, compared with the recipe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from inspector import recipe
from inspector.engines.openvino import OpenVino
from tests.trainer.frames import draw_frame, tiny_settings
from trainer.data import sources
from trainer.errors import UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.parallel import Ranks
from trainer.learn.start import begin, open_teacher, start
from trainer.learn.taught import build_taught, load_taught, read_taught, say_kept
from trainer.learn.unet import UNet
from trainer.recipe.export import ExportOptions, choose_classes, export

QUIET = Console(quiet=True)


def probabilities(unet: UNet, frames: np.ndarray) -> np.ndarray:
    """Return (N, 1 + C, H, W) of frames (N, H, W)."""
    with torch.inference_mode():
        return unet.eval()(torch.from_numpy(frames)[:, None].float()).softmax(1).numpy()


def frames_of(count: int) -> np.ndarray:
    """Return drawn frames (N, H, W)."""
    return np.stack([draw_frame(number)[0] for number in range(200, 200 + count)])


def begun_from(origin: Path, mask_folder: Path) -> UNet:
    """Return the network of a new run that starts there."""
    settings = tiny_settings(mask_folder, start=str(origin))
    return begin(settings, sources.frames(settings.data))[1]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_run_begins_with_what_the_recipe_computes(
    run: tuple[Path, Card], recipes: dict[str, Path], mask_folder: Path, precision: str
) -> None:
    """From a recipe's ONNX as from the checkpoint behind it: the same probabilities, within INT8's rounding."""
    frames = frames_of(8)
    from_recipe, from_checkpoint = (
        probabilities(begun_from(origin, mask_folder), frames) for origin in (recipes[precision], run[0] / "best.pt")
    )
    difference = np.abs(from_recipe - from_checkpoint)
    assert difference.max() < 1e-3 if precision == "fp32" else difference.mean() < 0.01


def test_learning_starts_at_the_recipe(recipes: dict[str, Path]) -> None:
    """With the batch's own statistics, as while learning, the network finds what it finds while measuring."""
    taught = read_taught(str(recipes["int8"]))
    unet = build_taught(taught)
    frames = frames_of(16)
    pixels = torch.from_numpy(frames)[:, None].float()
    load_taught(unet, taught, taught.class_names, [pixels])
    measuring = probabilities(unet, frames)
    with torch.no_grad():
        learning = unet.train()(pixels).softmax(1).numpy()
    assert np.abs(learning - measuring).max() < 1e-2


def test_the_shipped_recipe_can_be_taught_further() -> None:
    """`--start steel-r34` gives a network that labels a frame as the daemon's engine labels it."""
    taught = read_taught("steel-r34")
    unet = build_taught(taught)
    frames = sources.frames(["sheet:970:4:defects=12"])
    crops = [torch.from_numpy(frames[index].pixels.copy())[None, None].float() for index in range(2)]
    load_taught(unet, taught, taught.class_names, crops)
    pixels = frames[2].pixels[None]
    found = probabilities(unet, pixels)[:, 1:]
    labels = np.where(found.max(1) >= 0.5, 1 + found.argmax(1), 0)
    engine = OpenVino(*recipe.load(recipe.find("steel-r34", Path())))
    engine.submit(pixels)
    assert (labels == engine.result().labels).mean() > 0.995


def test_a_network_that_downscales_keeps_doing_so(tmp_path: Path, mask_folder: Path) -> None:
    """A run that starts at a checkpoint or at a recipe sees frames as that network did, or as it is asked to."""
    settings = tiny_settings(mask_folder, downscale=2)
    frames = sources.frames(settings.data)
    card, unet = begin(settings, frames)
    for parameter in unet.parameters():  # a constant that is 0 would be left out of the graph
        torch.nn.init.normal_(parameter, std=0.1)
    checkpoint.save(tmp_path / "best.pt", card, unet.state_dict())
    classes = choose_classes(card.class_names, {}, {})
    export(tmp_path, tmp_path / "recipe", ExportOptions("half", "1", "2026-11-28", "rectangles", classes, "fp32"))
    for origin in (tmp_path / "best.pt", tmp_path / "recipe"):
        assert begun_from(origin, mask_folder).downscale == 2
        asked = tiny_settings(mask_folder, start=str(origin), downscale=1)
        assert begin(asked, frames)[1].downscale == 1


def test_classes_keep_their_rows_by_name(run: tuple[Path, Card]) -> None:
    """Of a head for other classes, sound and what has the same name is kept; the rest is new."""
    taught = read_taught(str(run[0] / "best.pt"))
    names = ("hole", "scratch")
    unet = UNet(taught.encoder, len(names), taught.decoder)
    fresh = unet.head.weight[1].clone()
    load_taught(unet, taught, names, ())
    head = taught.weights["head.weight"]
    assert torch.equal(unet.head.weight[0], head[0]) and torch.equal(unet.head.weight[1], fresh)
    assert torch.equal(unet.head.weight[2], head[1 + taught.class_names.index("scratch")])


def test_names_are_the_same_in_any_case(tmp_path: Path, mask_folder: Path) -> None:
    """As in data: such a class keeps its row, and its teacher; which are kept and which are new is printed."""
    frames = sources.frames(tiny_settings(mask_folder).data)
    card, unet = begin(tiny_settings(mask_folder), frames)
    first, *others = card.class_names
    before = replace(card, class_names=(first.upper(), *others[1:], "hole"))
    checkpoint.save(tmp_path / "a.pt", before, unet.state_dict())
    says: list[str] = []
    settings = tiny_settings(mask_folder, start=str(tmp_path / "a.pt"))
    begun = begin(settings, frames, says.append)[1]
    assert torch.equal(begun.head.weight[1], unet.head.weight[1])
    kept = ", ".join([first, *others[1:]])
    assert says == [f"--start {tmp_path / 'a.pt'}: keeps {kept}; new to it: {others[0]}"]
    strange = say_kept(read_taught(str(tmp_path / "a.pt")), ("dent",))
    assert strange.endswith(f": keeps no class, for it knows {', '.join(before.class_names)}; new to it: dent")
    checkpoint.save(tmp_path / "b.pt", replace(card, class_names=(first.upper(), *others)), unet.state_dict())
    assert open_teacher(replace(card, settings=replace(settings, teacher=str(tmp_path / "b.pt"))), frames)


def test_what_holds_no_network_is_refused(tmp_path: Path, mask_folder: Path) -> None:
    """A name that is no recipe is named with what would have been one."""
    with pytest.raises(UserError, match=r"--start nothing: neither a checkpoint's file nor a recipe .*steel-r34"):
        start(tiny_settings(mask_folder, start="nothing"), tmp_path, QUIET, Ranks(), resume=False)
    assert not (tmp_path / "last.pt").exists()


def test_a_checkpoint_knows_its_classes(run: tuple[Path, Card]) -> None:
    """The names travel with the weights."""
    card, weights, _ = checkpoint.load(run[0] / "best.pt")
    assert len(card.class_names) + 1 == len(weights["head.bias"])
