"""What a network that begins from a recipe computes, compared with the recipe."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console

from inspector import recipe
from inspector.engines.openvino import OpenVino
from tests.trainer.frames import draw_frame, tiny_settings
from trainer.__main__ import main
from trainer.data import sources
from trainer.data.split import few_of, open_data, write_split
from trainer.errors import DataError, UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.origin import doubts, find_taught, refuse_measured
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


def names_of(run: Path, part: str) -> set[str]:
    """Return the frames of a part of a run's split."""
    with (run / "split.csv").open(newline="") as file:
        return {row["name"] for row in csv.DictReader(file) if row["part"] == part}


@pytest.mark.parametrize("words", ["start best.pt", "start recipe", "start later/best.pt", "teacher best.pt"])
def test_a_run_is_not_measured_on_what_its_network_was_taught(
    run: tuple[Path, Card], recipes: dict[str, Path], mask_folder: Path, tmp_path: Path, words: str
) -> None:
    """Another seed would hold out others of the same frames; it may be a recipe in its run, or what that began with."""
    (option, origin), before = words.split(), tmp_path / "before"
    (before / "later").mkdir(parents=True)
    for name in ("best.pt", "split.csv"):
        (before / name).symlink_to(run[0] / name)
    (before / "recipe").symlink_to(recipes["fp32"])
    card, weights, _ = checkpoint.load(run[0] / "best.pt")
    card = replace(card, settings=replace(card.settings, data=("sheet:1:4",), start=str(before / "best.pt")))
    checkpoint.save(before / "later" / "best.pt", card, weights)
    write_split(before / "later" / "split.csv", sources.frames(["sheet:1:4"]), sources.frames(["sheet:2:4"]))
    settings = tiny_settings(mask_folder, seed=1, **{option: str(before / origin)})
    begun = start(settings, tmp_path / "run", Console(quiet=True), Ranks(), resume=False)
    measured = {begun.validation.name(index) for index in range(len(begun.validation))}
    assert measured == names_of(run[0], "validation")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("fold 2/5", "of other data, or with FOLDER/fold-2/last.pt of .* the same DATA, --seed and --folds 5"),
        ("folds 2", r"Begin with a network of other data\.$"),
        ("validate {data}", "Give other frames to --validate"),
        ("split {tmp}/split.csv", r"Move them to train in .*split.csv, or leave --split out: then they teach"),
    ],
)
def test_frames_that_a_network_was_taught_are_refused_where_they_would_measure_it(
    run: tuple[Path, Card], mask_folder: Path, tmp_path: Path, asked: str, says: str
) -> None:
    """Whoever asks for just these is shown how many they are, one of them, and what to do; nothing is left behind."""
    text = (run[0] / "split.csv").read_text()
    (tmp_path / "split.csv").write_text(
        text.replace("validation", "X").replace("train", "validation").replace("X", "train")
    )
    option, value = asked.format(data=mask_folder, tmp=tmp_path).split()
    data = ("sheet:1:4",) if option == "validate" else (str(mask_folder),)
    given = {option: (value,) if option == "validate" else int(value) if option == "folds" else value}
    settings = tiny_settings(mask_folder, data=data, start=str(run[0] / "best.pt"), **given)
    with pytest.raises(DataError, match=rf"has learnt from \d+ frames to be measured on, as .*/\d+; expected .*{says}"):
        start(settings, tmp_path / "run", QUIET, Ranks(), resume=False)
    assert not (tmp_path / "run" / "split.csv").exists()


def test_a_fold_may_begin_with_a_cross_validation_s_own(
    run: tuple[Path, Card], mask_folder: Path, tmp_path: Path
) -> None:
    """As the refusal of others says; of the very frames that it holds out this one has seen none."""
    asked = tiny_settings(mask_folder, fold="2/5")
    parts, fold = open_data(asked), tmp_path / "fold-2"
    fold.mkdir()
    (fold / "last.pt").symlink_to(run[0] / "last.pt")
    write_split(fold / "split.csv", *parts)
    refuse_measured(replace(asked, start=str(fold / "last.pt")), parts[1])


def test_a_frame_is_known_by_its_file_or_its_bytes(run: tuple[Path, Card], mask_folder: Path, tmp_path: Path) -> None:
    """A copy under another name is the same frame; another mill's of one name is not, where files can be compared."""
    settings = tiny_settings(mask_folder, start=str(run[0] / "best.pt"))
    copies, others = tmp_path / "copies", tmp_path / mask_folder.name
    for folder in (copies, others):
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True)
            for path in (mask_folder / part).iterdir():
                (folder / part / path.name).write_bytes(path.read_bytes())
                if folder == others and part == "images":
                    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
                    assert pixels is not None
                    cv2.imwrite(str(folder / part / path.name), pixels // 2)
    taught = len(names_of(run[0], "train"))
    assert len(find_taught(settings, sources.frames([str(copies)]))) == taught
    assert not find_taught(settings, sources.frames([str(others)]))
    card, weights, _ = checkpoint.load(run[0] / "best.pt")
    gone = replace(card, settings=replace(card.settings, data=(str(tmp_path / "gone"),)))
    checkpoint.save(tmp_path / "best.pt", gone, weights)
    (tmp_path / "split.csv").write_bytes((run[0] / "split.csv").read_bytes())
    asked = replace(settings, start=str(tmp_path / "best.pt"))
    assert len(find_taught(asked, sources.frames([str(others)]))) == taught


def test_frames_that_a_run_left_out_measure_the_next(run: tuple[Path, Card], mask_folder: Path, tmp_path: Path) -> None:
    """With --learn-from those that it took have taught, of several DATA; all, where that cannot be repeated."""
    settings = tiny_settings(mask_folder, data=(str(mask_folder), "sheet:1-2:8"), learn_from=9)
    train, validation = open_data(settings)
    write_split(tmp_path / "split.csv", train, validation)
    card, weights, _ = checkpoint.load(run[0] / "best.pt")
    checkpoint.save(tmp_path / "best.pt", replace(card, settings=settings), weights)
    next_run, frames = replace(settings, start=str(tmp_path / "best.pt")), sources.frames(settings.data)
    few = few_of(train, 9, settings.seed)
    names = {frames.name(index) for index in find_taught(next_run, frames)}
    assert names == {few.name(index) for index in range(9)}
    text = (tmp_path / "split.csv").read_text()
    (tmp_path / "split.csv").write_text(text.replace(",train,1\n", ",train,2\n", 1))
    assert len(find_taught(next_run, frames)) == len(train)


def test_what_cannot_be_compared_is_doubted(run: tuple[Path, Card], mask_folder: Path, tmp_path: Path) -> None:
    """Taught frames that are gone from DATA, and what was learnt from besides; images alone are compared."""
    card, weights, _ = checkpoint.load(run[0] / "best.pt")
    extra = str(mask_folder / "images"), str(tmp_path / "none")
    best = tmp_path / "best.pt"
    checkpoint.save(best, replace(card, settings=replace(card.settings, extra=extra)), weights)
    (tmp_path / "split.csv").write_text((run[0] / "split.csv").read_text() + "steel/moved,train,1\n")
    settings = tiny_settings(mask_folder, start=str(best))
    moved, besides = doubts(settings)
    assert moved.startswith(
        f"--start {best}: 1 frame that taught {best}, as steel/moved, is not found in {mask_folder} "
    )
    assert besides.startswith(f"--start {best}: {tmp_path / 'none'}, which taught {best} besides, cannot be opened.")
    assert len(find_taught(settings, sources.frames([str(mask_folder)]))) == 40
    for part in ("images", "masks"):
        (tmp_path / "steel" / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "steel" / part / "moved.png"), draw_frame(999)[part == "masks"])
    (tmp_path / "steel" / "classes.toml").write_bytes((mask_folder / "classes.toml").read_bytes())
    assert len(find_taught(settings, sources.frames([str(tmp_path / "steel")]))) == 1, "by its name"


def test_what_nobody_wrote_down_is_doubted_before_a_run(
    mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once; then it ends, for the data has fewer frames."""
    asked = ["fit", str(mask_folder), "--start", "steel-fast", "--learn-from", "99", "--out", str(tmp_path / "run")]
    assert main(asked) == 2
    printed = capsys.readouterr()
    assert printed.out.count("--start steel-fast: a recipe does not list what it has learnt from") == 1
    assert "--learn-from 99" in printed.err
