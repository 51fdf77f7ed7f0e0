import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from inspector.records.recipe import Window
from inspector.simulator.sheet import Sheet
from trainer.data import rle, sources
from trainer.data.samples import CLASS_NAMES, Frames, Sample
from trainer.data.split import Part
from trainer.errors import DataError, UserError

H, W = 4, 6
CLASS_1, CLASS_3 = np.zeros((H, W), bool), np.zeros((H, W), bool)
CLASS_1[1:3, 1:3], CLASS_3[:, 5] = True, True
LABELS = np.where(CLASS_1, 1, np.where(CLASS_3, 3, 0))
SPLIT_FORM = f"ImageId,ClassId,EncodedPixels\na.jpg,1,{rle.encode(CLASS_1)}\na.jpg,3,{rle.encode(CLASS_3)}\n"
JOINED_FORM = (
    "ImageId_ClassId,EncodedPixels\n"
    f"a.jpg_1,{rle.encode(CLASS_1)}\na.jpg_2,\na.jpg_3,{rle.encode(CLASS_3)}\na.jpg_4,\nb.jpg_1,\n"
)


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """A Kaggle folder: `a` (a PNG in place of its .jpg) has two classes, `b` is sound, `c` is in no CSV."""
    (tmp_path / "train_images").mkdir()
    for name in ("a.png", "b.jpg", "c.jpg"):
        cv2.imwrite(str(tmp_path / "train_images" / name), np.full((H, W), 100, np.uint8))
    (tmp_path / "train.csv").write_text(SPLIT_FORM)
    manifest = "ImageId,file,kind\na.jpg,train_images/a.png,full_masks\nb.jpg,train_images/b.jpg,boxes_only\n"
    (tmp_path / "manifest.csv").write_text(manifest)
    return tmp_path


def read_all(source: Frames) -> list[Sample]:
    """Read a whole set."""
    return [source[index] for index in range(len(source))]


@pytest.mark.parametrize("csv", [SPLIT_FORM, JOINED_FORM, "\ufeff" + SPLIT_FORM])
def test_both_published_forms_of_the_csv_say_the_same(kaggle: Path, csv: str) -> None:
    """Either form gives the same labels, as does one saved by Excel; frames it leaves out or empty are sound."""
    (kaggle / "train.csv").write_text(csv)
    a, b, c = read_all(sources.frames([str(kaggle)]))
    assert (a.labels == LABELS).all() and a.pixels.dtype == a.labels.dtype == np.uint8
    assert not b.labels.any() and not c.labels.any()


def test_only_leaves_out_what_is_not_fully_labelled(kaggle: Path) -> None:
    """A manifest's condition keeps its frames, whatever suffix their files have."""
    source = sources.frames([str(kaggle)], only="manifest.csv:kind=full_masks")
    assert [source.name(i) for i in range(len(source))] == [f"{kaggle.name}/a"]


def test_a_frame_that_a_manifest_marks_must_be_there(kaggle: Path) -> None:
    """Half a copied folder is no set; a row without its image is a fault of its own already."""
    with (kaggle / "manifest.csv").open("a") as file:
        file.write("e.jpg,,full_masks\nf.jpg,,full_masks\n")
    with pytest.raises(DataError, match=r": 2 frames with manifest\.csv:kind=full_masks, as e, not in"):
        sources.frames([str(kaggle)], only="manifest.csv:kind=full_masks")


def test_what_is_not_read_is_reported(masks: Path) -> None:
    """Images of a suffix that nobody reads, and those in folders; what programs hide is no class and no image."""
    write_mask(masks, "dent/a.png", CLASS_1 * np.uint8(1))
    for hidden in ("masks/.ipynb_checkpoints/a.png", "images/.thumbs/a.png", "masks/dent/._a.png", "images/._a.png"):
        (masks / hidden).parent.mkdir(exist_ok=True)
        (masks / hidden).write_bytes(b"")
    opened = sources.open_all([str(masks)])
    assert opened.frames is not None and opened.frames.class_names == ("dent",)
    assert (list(opened.faults), list(opened.warnings)) == ([], [])
    (masks / "images" / "b.png").rename(masks / "images" / "b.jfif")
    for folder in ("images/cam2", "masks/dent/cam2"):
        (masks / folder).mkdir()
    warnings = sources.open_all([str(masks)]).warnings
    assert [(warning.split(": ")[0][-6:], warning.split(": ")[1].split(";")[0]) for warning in warnings] == [
        ("images", "1 file in it, as b.jfif, is not read"),
        ("images", "1 folder in it, as cam2, is not read"),
        ("s/dent", "1 folder in it, as cam2, is not read"),
    ]


def test_classes_are_known_without_reading(kaggle: Path) -> None:
    """The split can be stratified from the CSV alone."""
    source = sources.frames([str(kaggle)])
    assert [source.classes(i) for i in range(3)] == [{1, 3}, set(), set()]


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        ("Image,Pixels\n", "columns are Image, Pixels; expected ImageId,ClassId,EncodedPixels"),
        ("ImageId,ClassId,EncodedPixels\na.jpg,5,1 1\n", "line 2: class is '5'; expected 1..4"),
        ("ImageId_ClassId,EncodedPixels\na.jpg,1 1\n", "line 2: class is 'a.jpg'"),
        (
            "ImageId,ClassId,EncodedPixels\na.jpg,1,1 1\na.jpg,1,3 1\n",
            "line 3: a.jpg has class 1 twice, with other runs",
        ),
        (
            "ImageId,ClassId,EncodedPixels\na.jpg,1,1 1\na.jpg,1,1 1\n",
            "line 3: a.jpg has class 1 twice, again; first in",
        ),
        ("ImageId,ClassId,EncodedPixels\nd.jpg,1,1 1\n", "line 2: d has no image in"),
        (
            "ImageId,ClassId,EncodedPixels\na.jpg,1,24 2\n",
            "train.csv: line 2: class 1: run-length mask: run 1 of 1 (24 2)",
        ),
    ],
)
def test_a_broken_csv_is_refused_with_its_line(kaggle: Path, csv: str, says: str) -> None:
    """The message leads to the row."""
    (kaggle / "train.csv").write_text(csv)
    with pytest.raises(DataError, match=re.escape(says)):
        read_all(sources.frames([str(kaggle)]))


def test_all_faults_of_a_csv_are_reported_at_once(kaggle: Path) -> None:
    """Whoever mends a file mends it once; a long list is cut with a word on where the rest is."""
    rows = ["a.jpg,9,1 1", "a.jpg,1,1 1", "a.jpg,1,1 1", "d.jpg,2,1 1"]
    (kaggle / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n" + "\n".join(rows))
    cv2.imwrite(str(kaggle / "train_images" / "a.jpg"), np.zeros((H, W), np.uint8))
    with pytest.raises(DataError) as caught:
        sources.frames([str(kaggle), "sheet:"])
    assert [fault.split(": ")[-2] for fault in caught.value.faults[1:4]] == ["line 2", "line 4", "line 5"]
    assert "expected one image of a name" in caught.value.faults[0] and "sheet:SEED" in caught.value.faults[4]
    assert "... and 7 more" in str(DataError(*map(str, range(27))))


def test_a_broken_image_is_named(kaggle: Path) -> None:
    """A JPEG cut short decodes to grey without a word; here it is refused, as is text, and nothing at all."""
    path = kaggle / "train_images" / "b.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    whole = path.read_bytes()
    for content, says in (
        (whole[:900], "b.jpg: is cut off after 900 bytes"),
        (b"", "is empty"),
        (b"no", "is no png"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=says):
            sources.frames([str(kaggle)])[1]


def test_a_mask_folder_is_read_as_it_is(mask_folder: Path) -> None:
    """Index PNGs become labels, frame by frame."""
    source = sources.frames([str(mask_folder)])
    for index, sample in enumerate(read_all(source)):
        assert source.classes(index) == set(np.unique(sample.labels).tolist()) - {0}
        assert sample.name == source.name(index)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A folder of the images `a` and `b` and no masks yet."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / "images" / name), np.full((H, W), 100, np.uint8))
    return tmp_path


def write_mask(folder: Path, name: str, mask: npt.NDArray[np.uint8]) -> None:
    """Write one mask file."""
    (folder / "masks" / name).parent.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "masks" / name), mask)


SOUND = np.zeros((H, W), np.uint8)


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (
            np.full((H, W), 255, np.uint8),
            "values are 255; expected classes 1, 2, ... without gaps.",
        ),
        (np.zeros((H, W + 1), np.uint8), "b.png: is 7 x 4 px; expected the image's 6 x 4 px"),
        (np.zeros((H, W, 3), np.uint8), "b.png: is 8-bit, 3 channels; expected 8-bit grey"),
        (np.zeros((H, W), np.uint16), "b.png: is 16-bit, 1 channels; expected 8-bit grey"),
    ],
)
def test_a_wrong_index_mask_is_refused(masks: Path, mask: npt.NDArray[np.uint8], says: str) -> None:
    """0/255 masks, rescaled and coloured ones are named, not trained on."""
    write_mask(masks, "a.png", SOUND)
    write_mask(masks, "b.png", mask)
    with pytest.raises(DataError, match=re.escape(says)):
        read_all(sources.frames([str(masks)]))


def test_masks_and_images_must_come_in_pairs(masks: Path) -> None:
    """Every image without a mask and every mask without an image is reported, in one go."""
    write_mask(masks, "c.png", SOUND)
    with pytest.raises(DataError) as caught:
        sources.frames([str(masks)])
    words = ("c.png: is a mask without an image", "a.png: has no mask", "b.png: has no mask")
    assert all(word in fault for word, fault in zip(words, caught.value.faults, strict=True))


def test_a_name_that_is_no_text_is_refused(masks: Path) -> None:
    """A file name in another encoding could not be written into a split, nor read from one."""
    (masks / "images" / "b.png").rename(masks / "images" / os.fsdecode(b"\xe4.png"))
    with pytest.raises(DataError, match=r"the file name \\xe4\.png is not UTF-8; expected UTF-8\. Rename it\."):
        sources.frames([str(masks)])


@pytest.mark.parametrize("target", ["classes.toml", "nowhere", "images"])
def test_a_classes_toml_that_is_no_file_is_refused(masks: Path, target: str) -> None:
    """A link that leads nowhere is not taken for nothing stated."""
    (masks / "classes.toml").symlink_to(target)
    with pytest.raises(DataError, match=r"classes\.toml: is no file; expected TOML"):
        sources.frames([str(masks)])


def test_masks_in_a_folder_for_each_class_are_put_together(masks: Path) -> None:
    """Named or numbered, 0/255 or 0/1; an image in none of them is sound."""
    (masks / "classes.toml").write_text('names = ["pitted", "crack", "scratch"]')
    write_mask(masks, "pitted/a.png", CLASS_1 * np.uint8(255))
    write_mask(masks, "3/a.png", CLASS_3 * np.uint8(1))
    source = sources.frames([str(masks)])
    a, b = read_all(source)
    assert (a.labels == LABELS).all() and not b.labels.any()
    assert [source.classes(0), source.classes(1)] == [{1, 3}, set()]


def test_classes_of_another_script_keep_their_names(masks: Path) -> None:
    """A set that lacks the first of them has the others' labels all the same."""
    write_mask(masks, "划痕/a.png", CLASS_3 * np.uint8(1))
    write_mask(masks, "裂纹/a.png", CLASS_1 * np.uint8(1))
    taught = sources.frames([str(masks)]).class_names
    shutil.rmtree(masks / "masks" / "划痕")
    held = sources.frames([str(masks)], classes=taught)
    assert held.class_names == taught and (held[0].labels == (taught.index("u88c2u7eb9") + 1) * CLASS_1).all()
    write_mask(masks, "??/a.png", SOUND)
    with pytest.raises(DataError, match=r"called '\?\?', of which no name .* state names in classes\.toml"):
        sources.frames([str(masks)])


def test_classes_are_those_of_the_data(masks: Path) -> None:
    """A folder of one class that Severstal has too has one class; with procedural steel it makes four."""
    write_mask(masks, "crack/a.png", CLASS_1 * np.uint8(1))
    assert sources.frames([str(masks)]).class_names == ("crack",)
    both = sources.frames(["sheet:1:1", str(masks)])
    assert both.class_names == CLASS_NAMES and (both[1].labels == 2 * CLASS_1).all()


def test_classes_without_names_are_not_given_those_of_others(masks: Path) -> None:
    """Value 1 of a customer's masks is not what procedural steel calls pitted; where none has a value, all is well."""
    write_mask(masks, "a.png", CLASS_1 * np.uint8(1))
    write_mask(masks, "b.png", SOUND)
    with pytest.raises(DataError, match=r"classes 1 to 1 of some masks have no names.*State those of the masks"):
        sources.frames([str(masks), "sheet:1:1"])
    write_mask(masks, "a.png", SOUND)
    assert sources.frames([str(masks), "sheet:1:1"]).class_names == CLASS_NAMES


def test_classes_taken_by_place_are_warned_of(masks: Path) -> None:
    """The masks' numbers may have another order than the network's names; not where names are stated, or only ours."""

    def warned(*names: str) -> list[str]:
        joined = sources.frames(["sheet:1:1", str(masks)], classes=names)
        return sources.say_by_place(Part(joined, (1,)))

    write_mask(masks, "a.png", (CLASS_1 + 2 * CLASS_3).astype(np.uint8))
    write_mask(masks, "b.png", SOUND)
    (line,) = warned("dent", "rust", "scale")
    assert line == (
        f"warning: {masks}: its classes have no names, and are taken by their numbers: 1 for dent, 2 for rust. "
        "If they are others, state names in classes.toml."
    )
    assert not warned("class-1", "class-2", "dent")
    (masks / "classes.toml").write_text('names = ["rust", "dent"]')
    assert not warned("dent", "rust", "scale")


def test_one_window_is_for_all(masks: Path) -> None:
    """What a folder states is not changed by a recipe's or --window, nor the other way round: they must agree."""
    write_mask(masks, "dent/a.png", CLASS_1 * np.uint8(1))
    (masks / "classes.toml").write_text('names = ["dent"]\nwindow = [0, 65535]')
    assert sources.frames([str(masks)]).window == Window(0, 65535)
    assert sources.frames([str(masks)], window=Window(0, 65535)).window == Window(0, 65535)
    with pytest.raises(DataError, match=r"classes\.toml: window is 0-65535; expected 0-4095, that of the recipe"):
        sources.frames(["sheet:1:1", str(masks)], classes=["dent"], window=Window(0, 4095))


def test_faults_of_masks_by_class_are_reported(masks: Path) -> None:
    """Folders of no class, masks without image and JPEGs at once; grey levels when they are read."""
    (masks / "classes.toml").write_text('names = ["crack", "dent"]')
    write_mask(masks, "rust/a.png", SOUND)
    write_mask(masks, "crack/c.jpg", SOUND)
    with pytest.raises(DataError) as caught:
        sources.frames([str(masks)])
    words = ("is a JPEG", "c.jpg: is a mask without an image", "rust: is named after no class")
    assert all(word in fault for word, fault in zip(words, caught.value.faults, strict=True))
    (masks / "masks" / "rust" / "a.png").rename(masks / "masks" / "crack" / "a.png")
    (masks / "masks" / "rust").rmdir()
    (masks / "masks" / "crack" / "c.jpg").unlink()
    write_mask(masks, "crack/a.png", np.arange(H * W, dtype=np.uint8).reshape(H, W))
    with pytest.raises(
        DataError, match=r"a\.png: holds 24 values \(0, 1, 2, 3, 4, 5, \.\.\.\); expected 0 and one other"
    ):
        read_all(sources.frames([str(masks)]))


def test_procedural_steel_is_the_same_each_time() -> None:
    """A spec names frames for good: coils interleaved, sources joined in order."""
    specs = ["sheet:3-4:2:defects=8,lookalikes=1", "sheet:9:1"]
    first, again = sources.frames(specs), sources.frames(specs)
    assert [first.name(i) for i in range(5)] == ["sheet-3/0", "sheet-4/0", "sheet-3/1", "sheet-4/1", "sheet-9/0"]
    assert (first[3].pixels == again[3].pixels).all() and (first[3].labels == again[3].labels).all()
    mill = sources.frames(["sheet:3-4:2:defects=8,look=mill,lookalikes=1"])
    assert mill.name(1) == "sheet-mill-4/0"
    assert (mill[0].pixels != first[0].pixels).any()


def test_coils_are_built_when_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand coils one is built to see that it can be; each further one once."""
    built: list[int] = []

    def build(seed: int, **densities: object) -> Sheet:
        built.append(seed)
        return Sheet(seed, **densities)  # type: ignore[arg-type]

    monkeypatch.setattr(sources, "Sheet", build)
    frames = sources.frames(["sheet:1-1000:2:defects=4"])
    for index in (1000, 3, 1003):
        assert frames[index].pixels.any()
    assert (len(frames), built) == (2000, [1, 4])


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("sheet:", "expected sheet:SEED:FRAMES"),
        ("sheet:1:0", "is empty"),
        ("sheet:5-1:9", "is empty"),
        ("sheet:1:9999999999", "expected numbers of at most 9 digits"),
        ("sheet:1-99999999999999999999:1", "expected numbers of at most 9 digits"),
        ("sheet:1:9:rust=3", "unknown rust; expected defects, lookalikes, look"),
        ("sheet:1:9:look=shiny", "look is shiny; expected plain or mill or unusual, as look=mill"),
        ("sheet:1:9:defects=a.b", "expected numbers a metre"),
        ("sheet:1:9:defects=101", "defects_per_m is 101.0; expected 0..100 per metre"),
        ("/nowhere", "there is no such file or folder"),
    ],
)
def test_a_spec_that_names_nothing_is_refused(spec: str, says: str) -> None:
    """The message says what a spec looks like."""
    with pytest.raises(UserError, match=re.escape(says)):
        sources.frames([spec])
