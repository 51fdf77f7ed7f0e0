from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inspector import recipe
from inspector.drawing.canvas import Rect
from inspector.engines.openvino import OpenVino
from trainer.__main__ import main
from trainer.data.samples import CLASS_NAMES, Plane
from trainer.data.unlabelled import Unlabelled
from trainer.paper import overlay
from trainer.paper.figure import Page, Shown, draw
from trainer.paper.show import describe, infer, open_images

LABELS = arrays(np.uint8, (6, 9), elements=st.integers(0, 4))

PAGE = Page("tiny@1", ("on a test", "frames"), ("foot",), CLASS_NAMES)

# Machado, Oliveira & Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009: linear
# RGB as people without one of the three cones see it.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def picture(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture (H, W, 3)."""
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert read is not None
    return np.asarray(read, np.uint8)


def has(canvas: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> bool:
    """Say whether a legend's colour stands on a page, to the last bit."""
    return bool((canvas == colour).all(axis=2).any())


@given(LABELS, LABELS)
def test_every_pixel_is_sound_or_exactly_one_kind_of_error(truth: Plane, found: Plane) -> None:
    """The error map divides the frame as the confusion of truth and prediction does."""
    kinds = overlay.errors(truth, found)
    assert (kinds == 0).sum() == ((truth == 0) & (found == 0)).sum()
    assert (kinds == overlay.HIT).sum() == ((truth == found) & (truth > 0)).sum()
    assert np.isin(kinds, (overlay.HIT, overlay.MISSED, overlay.WRONG)).sum() == (truth > 0).sum()
    assert np.isin(kinds, (overlay.HIT, overlay.INVENTED, overlay.WRONG)).sum() == (found > 0).sum()


@pytest.mark.parametrize("matrix", BLINDNESS.values(), ids=BLINDNESS)
def test_kinds_of_errors_are_distinct_by_colour_blind_eyes(matrix: npt.ArrayLike) -> None:
    """Each two of the error map's colours are 35 or more apart in CIELAB, where 2 is just seen, to every eye."""
    seen = []
    for _, (blue, green, red) in overlay.ERRORS.values():
        linear = (np.array([red, green, blue]) / 255) ** 2.2
        eye = np.clip(np.asarray(matrix) @ linear, 0, 1) ** (1 / 2.2)
        seen.append(cv2.cvtColor(eye.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0])
    for number, colour in enumerate(seen):
        assert all(np.linalg.norm(colour - earlier) >= 35 for earlier in seen[:number])


def test_a_defect_of_one_pixel_is_seen_on_the_page() -> None:
    """Thin and small things survive the scaling of a wide frame down to the page."""
    pixels, labels = np.full((256, 1600), 90, np.uint8), np.zeros((256, 1600), np.uint8)
    labels[100, 801] = 3
    size = 930, 149
    sound = overlay.draw_classes(pixels, np.zeros_like(labels), size).astype(int)
    assert np.abs(overlay.draw_classes(pixels, labels, size) - sound).max() > 60
    kinds = overlay.errors(labels, np.zeros_like(labels))
    assert np.abs(overlay.draw_errors(pixels, kinds, size) - sound).max() > 60


def test_numbers_never_hide_one_another() -> None:
    """Regions side by side get a number each, apart; in a region that is large enough it stands inside."""
    labels = np.zeros((256, 1600), np.uint8)
    labels[40:60, 100:120], labels[40:60, 122:142], labels[:, 1000:1400] = 1, 2, 4
    taken: list[Rect] = []
    for class_id in (1, 2, 4):
        ((box, inside),) = overlay._regions(labels == class_id, 1.0)
        place = overlay._place_tag(box, inside, labels, class_id, taken)
        assert place and not any(place.meets(tag) for tag in taken)
        taken.append(place)
    assert (labels[taken[2].top : taken[2].bottom, taken[2].left : taken[2].right] == 4).all()
    assert not labels[taken[0].top : taken[0].bottom, taken[0].left : taken[0].right].any()


@pytest.mark.parametrize("shape", [(64, 128), (64, 640), (2048, 64)])
def test_frames_of_every_shape_find_room(shape: tuple[int, int]) -> None:
    """Wide, square and tall frames, with truth and without, are drawn within the page, errors where there is truth."""
    truth, found = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    truth[:40, 10:50], found[20:60, 10:50] = 2, 2
    pixels = np.full(shape, 120, np.uint8)
    blind, reported = (draw(PAGE, [Shown("a/1", pixels, labels, found)]) for labels in (None, truth))
    missed = overlay.ERRORS[overlay.MISSED][1]
    assert has(reported, missed) and not has(blind, missed)
    assert blind.shape[1] == reported.shape[1] == 2000


def test_show_draws_a_recipe_on_labelled_frames(
    recipes: dict[str, Path], mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: a PNG that grows with its frames and tells errors, through the daemon's engine."""
    heights = []
    for count in (1, 3):
        out = tmp_path / f"{count}.png"
        assert main(["show", str(recipes["fp32"]), str(mask_folder), "--frames", str(count), "--out", str(out)]) == 0
        heights.append(picture(out).shape[0])
    assert heights[1] > heights[0] and has(picture(out), overlay.ERRORS[overlay.WRONG][1])
    assert capsys.readouterr().out.splitlines()[1] == f"{out}: 3 frames as tiny@1 sees them"


def test_images_alone_have_no_truth(recipes: dict[str, Path], mask_folder: Path, tmp_path: Path) -> None:
    """Image files and a folder of them are shown without an error map; nobody takes them for sound."""
    images = sorted((mask_folder / "images").iterdir())
    card = recipe.read_card(recipes["fp32"])
    sources = open_images([str(images[0]), str(mask_folder / "images")], None, card)
    assert [len(source) for source in sources] == [1, 40] and all(isinstance(source, Unlabelled) for source in sources)
    assert sources[0].classes(0) is None and sources[0].image(0) == images[0]
    out = tmp_path / "plain.png"
    assert main(["show", str(recipes["fp32"]), str(images[0]), "--out", str(out)]) == 0
    assert not any(has(picture(out), colour) for _, colour in overlay.ERRORS.values())


def test_frames_are_shown_in_sizes_of_their_own(recipes: dict[str, Path], tmp_path: Path) -> None:
    """A frame larger than the recipe is looked at in tiles, as on the line; the page does not call it one of them."""
    card, model = recipe.load(recipes["fp32"])
    engine = OpenVino(card, model)
    sides = [(card.height * down, card.width * across) for down, across in ((2, 1), (1, 1), (1, 1), (2, 2), (3, 1))]
    for number, size in enumerate(sides):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.full(size, 90, np.uint8))
    shown = list(infer(engine, card, open_images([str(tmp_path)], None, card), None))
    assert [frame.found.shape for frame in shown] == sides
    h, w = card.height, card.width
    words = describe(card, engine, shown, len(shown)).notes[1]
    assert words.startswith(f"5 frames of {w} x {h} px, {w} x {2 * h} px, {2 * w} x {2 * h} px and 1 other size: x ")


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (["sheet:1:61"], "61 frames; expected 60 at most on a page. Give --frames 60 or fewer."),
        (["nowhere"], "nowhere: expected a folder with train_images/"),
    ],
)
def test_what_cannot_be_shown_is_reported(
    recipes: dict[str, Path], tmp_path: Path, images: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too many frames, no such folder: one line, exit code 2, and no picture."""
    out = tmp_path / "out.png"
    assert main(["show", str(recipes["fp32"]), *images, "--out", str(out)]) == 2
    assert says in capsys.readouterr().err and not out.exists()
