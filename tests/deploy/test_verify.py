"""Proving an engine: the bounds, what goes into the manifest, and the refusal of a machine without a driver.

No GPU is needed: what is proven here runs on the CPU too, on the graph that a GPU engine would be built from.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from deploy import frames
from deploy.__main__ import main
from deploy.compare import FRAMES_OF_A_SIZE, ComparedFrame, compare
from deploy.precision import graph_at
from deploy.verify import FLOAT, INT8, MAX_DICE_LOSS, MIN_PIXELS, conclude, figures, out_of_bounds, reference, undecided
from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.engines.nvidia.manifest import Parity
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.errors import EngineRefused, InspectorError
from inspector.simulator.sheet import CLASSES
from tests.gpu import has_driver, has_tensorrt
from tests.manifests import write_engine
from tests.recipes import HEIGHT, WIDTH, write_recipe

ROOT = Path(__file__).parents[2]
GOOD = Parity(
    date="2026-11-22",
    engine="one",
    reference="other",
    source="paint",
    frames=1,
    batches=(1,),
    label_agreement=0.9995,
    iou={"dark": 0.96},
    class_pixels={"dark": 1000},
    confidence_difference=0.1,
    presence_difference=0.04,
    dice=0.7951,
    reference_dice=0.8,
)


def but(**changes: object) -> Parity:
    """The figures above with changes."""
    return msgspec.structs.replace(GOOD, **changes)


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_float_engines_are_assessed_by_labels(precision: manifest.Precision) -> None:
    """99.95 % of the pixels, whatever Dice says."""
    assert not out_of_bounds(precision, but(dice=0.1))
    assert "99.9490 % of the pixels are labelled alike; expected 99.95 " in out_of_bounds(
        precision, but(label_agreement=0.99949)
    )


def test_int8_is_assessed_by_dice() -> None:
    """0.005 below the reference at most, whatever the labels say; better than the reference is no fault."""
    assert not out_of_bounds("int8", but(label_agreement=0.9))
    assert not out_of_bounds("int8", but(dice=0.9))
    assert "Dice is 0.0052 below the reference's" in out_of_bounds("int8", but(dice=0.7948))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"not_finite": 1}, "What one of them says of 1 frame is no number (NaN or infinite)"),
        ({"presence_difference": 0.9}, "The presence of a frame differs by 0.9000; expected 0."),
        ({"distance_difference": 0.6}, "The distance of a frame differs by 0.6000; expected 0."),
    ],
)
@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
def test_what_is_found_of_whole_frames_is_assessed(
    precision: manifest.Precision, changes: dict[str, float], words: str
) -> None:
    """Labels and Dice may be perfect: a frame whose presence is NaN is called sound, as a sound one is."""
    fault = out_of_bounds(precision, but(label_agreement=1.0, dice=0.8, **changes))
    assert fault.startswith(words) and ("Build it in fp16" in fault) == (precision == "int8")


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
@pytest.mark.parametrize(("of", "where"), [("whole", ""), ("size", "In batches of 12: ")])
@pytest.mark.parametrize(
    ("figure", "words"), [("confidence_apart", "confidence"), ("highest_apart", "highest confidence in a frame")]
)
def test_an_engine_whose_confidence_is_wrong_is_not_verified(
    precision: manifest.Precision, of: str, where: str, figure: str, words: str
) -> None:
    """Labels and presence may be perfect: a defect is reported by its confidence, and its class may be seen or not."""
    wrong, unseen = (but(batches=(12,), **{figure: {name: 2.4}}) for name in ("dark", "bright"))
    fault = out_of_bounds(precision, wrong) if of == "whole" else out_of_bounds(precision, GOOD, [GOOD, wrong])
    assert fault.startswith(f"{where}The {words} of dark differs by 2.4000 of log-odds on average; expected ")
    assert not out_of_bounds(precision, unseen, [unseen])
    printed = figures(wrong, ["dark"])
    assert "2.4000 of log-odds (dark)" in printed


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
@pytest.mark.parametrize(("of", "where"), [("whole", ""), ("size", "In batches of 12: ")])
def test_an_engine_that_lost_a_class_is_not_verified(precision: manifest.Precision, of: str, where: str) -> None:
    """Cracks are 0.04 % of the pixels: without them 99.96 % are labelled alike, and Dice hardly changes."""
    lost = but(
        label_agreement=0.9996,
        iou={"dark": 1.0, "crack": 0.0},
        class_pixels={"dark": 300_000, "crack": 11_000},
        batches=(12,),
    )
    fault = out_of_bounds(precision, lost) if of == "whole" else out_of_bounds(precision, GOOD, [GOOD, lost])
    assert fault.startswith(f"{where}The IoU of crack is 0.0000; expected 0.")


@pytest.mark.parametrize("precision", ["int8", "fp16", "fp32"])
@pytest.mark.parametrize(("of", "where"), [("whole", ""), ("size", "In batches of 12: ")])
@pytest.mark.parametrize(("side", "words"), [(0, "What the engine loses"), (1, "What the engine invents")])
def test_an_engine_that_loses_or_invents_regions_is_not_verified(
    precision: manifest.Precision, of: str, where: str, side: int, words: str
) -> None:
    """Pixels, confidence and presence may be within bounds: nine small defects of sixty are not one more."""

    def regions(**counts: tuple[int, int]) -> Parity:
        """Regions unseen and reported of one side, by class; of the other's sixty each all are seen."""
        reported = {name: (total, 60) if side == 0 else (60, total) for name, (_, total) in counts.items()}
        unseen = {name: (count, 0) if side == 0 else (0, count) for name, (count, _) in counts.items()}
        return but(reported=reported, unseen=unseen, batches=(12,))

    def fault(parity: Parity) -> str:
        return out_of_bounds(precision, parity) if of == "whole" else out_of_bounds(precision, GOOD, [GOOD, parity])

    bound = 100 * (INT8 if precision == "int8" else FLOAT).unseen
    found = fault(regions(dark=(9, 60), bright=(0, 90)))
    assert found.startswith(f"{where}{words} of dark: 9 of 60 reported regions, of which the other shows not a pixel;")
    assert f"no more than chance makes of {bound:g} %" in found
    assert f"{words} of any class: 9 of 90" in fault(regions(dark=(3, 30), bright=(3, 30), crack=(3, 30)))
    assert not fault(regions(dark=(1, 2), bright=(2, 60)))  # one alone decides nothing, nor do honest engines' few
    printed = figures(regions(dark=(9, 60)), ["dark"])
    assert "9 of 60" in printed and "0 of 60" in printed


def test_a_handful_of_pixels_decides_nothing_and_it_is_reported(tmp_path: Path) -> None:
    """Of a class that hardly was in the frames nothing is shown, good or bad."""
    few = but(iou={"dark": 0.96, "bright": 0.0}, class_pixels={"dark": 1000, "bright": 20})
    assert not out_of_bounds("fp16", few)
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    printed: list[str] = []
    assert conclude(folder, write_engine(folder, card), card, [few, few], kernels=b"", say=printed.append)
    assert printed[1] == "Nothing is shown of bright: neither found 500 pixels of it. Give frames that show it."


UNSEEN = but(iou={"dark": 0.0}, class_pixels={"dark": 20}, label_agreement=1.0)
UNTRUE = but(dice=None, reference_dice=None)


@pytest.mark.parametrize(
    ("precision", "parity", "words"),
    [
        ("fp32", but(iou={}, class_pixels={}, label_agreement=1.0), "shows nothing"),
        ("fp16", UNSEEN, "shows nothing"),
        ("int8", UNSEEN, "shows nothing"),
        ("int8", UNTRUE, "no true defects are known"),
    ],
)
def test_frames_without_defects_prove_nothing_and_refute_nothing(
    tmp_path: Path, precision: manifest.Precision, parity: Parity, words: str
) -> None:
    """Two engines that call everything sound agree everywhere; so nearly do one that is blind and ordinary steel.

    The proof of before stands, with its figures and kernels: nothing was found against it.
    """
    assert words in undecided(precision, parity) and not out_of_bounds(precision, parity)
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    for verified in (True, False):
        made = write_engine(folder, card, precision=precision, verified=verified, parity=GOOD)
        (folder / manifest.KERNELS).write_bytes(b"compiled")
        printed: list[str] = []
        assert not conclude(folder, made, card, [parity, parity], kernels=b"other", say=printed.append)
        assert manifest.read(folder) == made and (folder / manifest.KERNELS).read_bytes() == b"compiled"
        assert printed[-1].startswith(
            f"{folder / manifest.MANIFEST}: stays as it was, {'' if verified else 'not '}verified. "
        )


def test_what_is_wrong_is_wrong_however_little_was_seen(tmp_path: Path) -> None:
    """Frames without a number, or another presence, refute an engine on sound steel too."""
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    made = write_engine(folder, card, verified=True, parity=GOOD)
    wrong = msgspec.structs.replace(UNSEEN, not_finite=1)
    assert not conclude(folder, made, card, [wrong, wrong], kernels=b"", say=lambda words: None)
    assert not manifest.read(folder).verified


def test_figures_are_reported_with_a_dash_for_what_nobody_found() -> None:
    """Every figure that the manifest gets, for people."""
    printed = figures(GOOD, ["dark", "bright"])
    for words in ("99.9500", "dark", "0.9600", "0.7951, reference 0.8000"):
        assert words in printed
    assert any(line.split()[-2:] == ["bright", "-"] for line in printed.splitlines())


def test_the_page_states_the_bounds() -> None:
    """Whoever reads what `verified` means reads the numbers that decide it."""
    page = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    for row in (
        f"| pixels labelled alike | {100 * FLOAT.agreement:g} % or more | |",
        f"either gives {MIN_PIXELS} pixels or more | {FLOAT.iou:g} or more | {INT8.iou:g} or more |",
        f"a frame's presence | {FLOAT.presence:g} | {INT8.presence:g} |",
        f"in units of its limit | {FLOAT.distance:g} | {INT8.distance:g} |",
        f"its highest in each frame, in log-odds, on average | {FLOAT.confidence:g} | {INT8.confidence:g} |",
        f"chance makes of {100 * FLOAT.unseen:g} % | no more than of {100 * INT8.unseen:g} % |",
        f"| Dice against truth | | {MAX_DICE_LOSS:g} lost at most |",
        f"the {FRAMES_OF_A_SIZE} frames in which most was found",
    ):
        assert row in page


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
@pytest.mark.skipif(not has_tensorrt(), reason='TensorRT-RTX is not installed (pip install ".[rtx]")')
def test_without_a_driver_nothing_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, the reason and what to do; the manifest stays as it was."""
    folder = write_recipe(tmp_path)
    made = write_engine(folder, recipe.read_card(folder))
    assert main(["verify", str(folder)]) == 1
    assert "no NVIDIA driver was found" in capsys.readouterr().err
    assert manifest.read(folder) == made


def test_masks_without_images_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Truth belongs to somebody's images, not to procedural steel."""
    assert main(["verify", str(write_recipe(tmp_path)), "--masks", str(tmp_path)]) == 1
    assert "--masks go with --images" in capsys.readouterr().err


@pytest.fixture(scope="module")
def shipped_on_cpu() -> Segmenter:
    """The shipped recipe's folded graph."""
    return reference(*recipe.load(recipe.SHIPPED / "steel-r34"), "fp32")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_cpu_twins_of_the_shipped_recipe_are_compared(
    tmp_path: Path, precision: manifest.Precision, shipped_on_cpu: Segmenter
) -> None:
    """The graphs of fp16 and INT8 engines, compared with the folded fp32 one on the same frames: alike, and written.

    How alike depends on the weights; that it is far from chance, and that verdict and manifest follow the figures, not.
    """
    card, model = recipe.load(recipe.SHIPPED / "steel-r34")
    if precision == "int8" and card.precision != "int8":
        pytest.skip("the shipped recipe holds no INT8 graph")
    made = write_engine(tmp_path, card, precision=precision, batches=(1, 2))
    graph, _ = graph_at(precision, card, model)
    engine = OpenVino(msgspec.structs.replace(card, precision=precision), graph)
    printed: list[str] = []
    shown = frames.steel(card, 2)
    measured = compare(engine, shipped_on_cpu, shown, made.batches, CLASSES, source="steel", date=GOOD.date, card=card)
    good = conclude(tmp_path, made, card, measured, kernels=b"", say=printed.append)
    written = manifest.read(tmp_path)
    parity = written.parity
    assert parity == measured[0]
    assert parity is not None and parity.label_agreement > 0.97 and parity.frames == 2
    assert parity.unseen == dict.fromkeys(parity.reported, (0, 0))
    assert good == written.verified == (not out_of_bounds(precision, parity, measured[1:]))
    assert written == msgspec.structs.replace(made, verified=good, parity=parity)
    assert parity.engine.endswith(precision) and parity.reference.endswith("fp32")
    assert printed[-1].endswith(" verified.") == good


def test_an_engine_built_again_meanwhile_is_not_called_proven(tmp_path: Path) -> None:
    """The verdict is on the engine that ran, and on no other."""
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    ran = write_engine(folder, card, precision="fp32")
    newer = msgspec.structs.replace(ran, engine_sha256="0" * 64)
    manifest.write(folder, newer)
    with pytest.raises(EngineRefused, match=r"it was built again meanwhile\. Run `deploy verify"):
        conclude(folder, ran, card, [GOOD], kernels=b"kernels", say=print)
    assert manifest.read(folder) == newer and not (folder / manifest.KERNELS).exists()


def test_an_engine_that_fails_is_no_longer_verified(tmp_path: Path) -> None:
    """A verdict of last month does not outlive this one."""
    folder = write_recipe(tmp_path)
    card, model = recipe.load(folder)
    made = write_engine(folder, card, precision="fp32", verified=True, parity=GOOD)
    pixels = np.full((HEIGHT, WIDTH), 45, np.uint8)
    deaf = msgspec.structs.replace(
        card, classes=tuple(msgspec.structs.replace(kind, threshold=0.99) for kind in card.classes)
    )
    printed: list[str] = []
    cpu = reference(card, model, "fp32")
    names = [kind.name for kind in card.classes]
    measured = compare(OpenVino(deaf, model), cpu, [ComparedFrame(pixels)], (1,), names, source="paint", date=GOOD.date)
    assert not conclude(folder, made, card, measured, kernels=b"", say=printed.append)
    assert not manifest.read(folder).verified
    assert "not verified. 0.0000 % of the pixels are labelled alike" in printed[-1]


def paint(folder: Path, name: str, value: int, height: int = HEIGHT) -> None:
    """Write a grey PNG of one value."""
    folder.mkdir(exist_ok=True)
    assert cv2.imwrite(str(folder / name), np.full((height, WIDTH), value, np.uint8))


def test_images_come_with_their_own_masks(tmp_path: Path) -> None:
    """By name, in order, as many as asked for; without masks truth is not known."""
    card = recipe.read_card(write_recipe(tmp_path))
    images, masks = tmp_path / "images", tmp_path / "masks"
    for place, name in enumerate(("a", "b", "c")):
        paint(images, f"{name}.bmp", 100 + place)
        paint(masks, f"{name}.png", place)
    shown = list(frames.images(card, images, masks, None))
    assert [(int(frame.pixels[0, 0]), int(frame.labels[0, 0])) for frame in shown if frame.labels is not None] == [
        (100, 0),
        (101, 1),
        (102, 2),
    ]
    assert [frame.labels for frame in frames.images(card, images, None, 2)] == [None, None]


@pytest.mark.parametrize(
    ("value", "height", "words"),
    [
        (3, HEIGHT, "values up to 3; expected 256 x 64 and class ids 0..2"),
        (1, 63, "is 256 x 63 px"),
        (None, HEIGHT, "is missing.*expected a mask for each image"),
    ],
)
def test_a_mask_that_does_not_fit_is_named(tmp_path: Path, value: int | None, height: int, words: str) -> None:
    """Missing, of another size, or with a class that the recipe has not."""
    card = recipe.read_card(write_recipe(tmp_path))
    paint(tmp_path / "images", "a.png", 128)
    if value is not None:
        paint(tmp_path / "masks", "a.png", value, height)
    with pytest.raises(InspectorError, match=words):
        list(frames.images(card, tmp_path / "images", tmp_path / "masks", None))


def test_steel_has_truth_only_for_a_recipe_of_its_classes(tmp_path: Path) -> None:
    """Class 1 of another recipe is not `pitted`."""
    card = recipe.read_card(write_recipe(tmp_path))
    assert [frame.labels for frame in frames.steel(card, 1)] == [None]
    shipped = recipe.read_card(recipe.SHIPPED / "steel-r34")
    (shown,) = frames.steel(shipped, 1)
    assert shown.labels is not None and shown.labels.shape == shown.pixels.shape == (shipped.height, shipped.width)
