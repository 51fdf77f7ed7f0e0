"""Frames and networks of other origin that a run learns from."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from rich.console import Console

from tests.trainer.frames import HEIGHT, WIDTH, tiny_settings
from trainer.crossval.folds import crossval, of_fold
from trainer.data import rle
from trainer.data.extra import open_extra
from trainer.data.samples import UNKNOWN
from trainer.data.shapes import read_shapes
from trainer.data.split import open_data
from trainer.errors import DataError, UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.crops import Crops, CropSettings
from trainer.learn.loss import teacher_loss, training_loss
from trainer.learn.train import fit
from trainer.settings import EFFICIENTNET

QUIET = Console(quiet=True)


def test_copies_of_what_is_measured_on_are_left_out(mask_folder: Path, tmp_path: Path) -> None:
    """Of a copy of the whole set, only the frames that do not measure are learnt from besides."""
    copy = shutil.copytree(mask_folder, tmp_path / "copy")
    settings = tiny_settings(mask_folder, extra=(str(copy),))
    train, validation = open_data(settings)
    extra = open_extra(settings, train, validation)
    assert extra is not None
    measured = {validation.name(index).rpartition("/")[2] for index in range(len(validation))}
    names = {extra.name(index).rpartition("/")[2] for index in range(len(extra))}
    assert len(extra) == len(train) and not names & measured


def test_only_is_about_frames_besides_too(mask_folder: Path, tmp_path: Path) -> None:
    """A frame that nobody labelled whole would teach that its defects are sound steel; DATA may have another layout."""
    (tmp_path / "train_images").mkdir()
    for name in ("000.png", "001.png"):
        pixels = cv2.imread(str(mask_folder / "images" / name))
        assert pixels is not None
        cv2.imwrite(str(tmp_path / "train_images" / name), 255 - pixels)
    (tmp_path / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n")
    (tmp_path / "manifest.csv").write_text("ImageId,kind\n000.png,boxes\n001.png,masks\n")
    settings = tiny_settings(mask_folder, only="manifest.csv:kind=masks", extra=(str(tmp_path),))
    extra = open_extra(settings, *open_data(settings))
    assert extra is not None
    assert [extra.name(index) for index in range(len(extra))] == [f"{tmp_path.name}/001"]
    with pytest.raises(DataError, match="works on Severstal's layout alone"):
        open_data(replace(settings, extra=()))


def test_images_alone_are_for_a_teacher(mask_folder: Path) -> None:
    """Without one they are refused; with one, every pixel of them is unknown."""
    settings = tiny_settings(mask_folder, extra=(str(mask_folder / "images"),))
    train, validation = open_data(settings)
    with pytest.raises(DataError, match="images without labels; expected --teacher"):
        open_extra(settings, train, validation)
    extra = open_extra(replace(settings, teacher="some.pt"), train, validation)
    assert extra is not None and (extra[0].labels == UNKNOWN).all()


def test_pasted_defects_take_on_true_outlines(mask_folder: Path, tmp_path: Path) -> None:
    """Those of other frames: a cross, which no frame has, is in the crops, in its class; other classes stay."""
    cross = np.zeros((HEIGHT, WIDTH), bool)
    cross[20:44, 50:58], cross[28:36, 34:74] = True, True
    masks = tmp_path / "masks.csv"
    masks.write_text(f"ImageId,ClassId,EncodedPixels\na.png,2,{rle.encode(cross)}\n")
    train, _ = open_data(tiny_settings(mask_folder))
    look = CropSettings(64, 96, defect_share=0.0, class_shares=(0.25,) * 4, paste_share=1.0)
    seen = dict.fromkeys(range(1, 5), 0)
    crops = Crops(train, 200, 0, look, read_shapes(masks, 4, (HEIGHT, WIDTH)))
    for number in range(200):
        labels = crops[number].labels.numpy()
        for class_id in seen:
            found = cv2.matchTemplate((labels == class_id).astype(np.float32), template(cross), cv2.TM_SQDIFF)
            seen[class_id] += bool(found.min() < 0.5)
    assert seen[2] > 10 and seen[1] == seen[3] == seen[4] == 0
    with pytest.raises(DataError, match=r"masks\.csv: line 2: class is '2'"):
        read_shapes(masks, 1, (HEIGHT, WIDTH))


def test_a_run_is_given_its_outlines(mask_folder: Path, tmp_path: Path) -> None:
    """The same run with and without them learns from other crops; without a share to paste they are refused."""
    masks = tmp_path / "masks.csv"
    box = np.zeros((HEIGHT, WIDTH), bool)
    box[20:40, 30:62] = True
    masks.write_text("ImageId,ClassId,EncodedPixels\n" + "".join(f"a.png,{k},{rle.encode(box)}\n" for k in range(1, 5)))
    settings = tiny_settings(mask_folder, encoder=EFFICIENTNET, paste_share=1.0, epochs=1, epoch_crops=8)
    plain = fit(settings, tmp_path / "plain", QUIET)
    shaped = fit(replace(settings, paste_shapes=str(masks)), tmp_path / "shaped", QUIET)
    jittered = fit(replace(settings, scale_jitter=0.5), tmp_path / "jittered", QUIET)
    assert len({card.lowest_loss for card in (plain, shaped, jittered)}) == 3
    with pytest.raises(UserError, match="nothing is pasted; expected --paste-share"):
        fit(replace(settings, paste_share=0.0, paste_shapes=str(masks)), tmp_path / "none", QUIET)
    assert not (tmp_path / "none" / "split.csv").exists()


def template(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The mask's box, with a pixel of nothing around it."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1).astype(np.float32)


def test_crops_come_from_both_in_the_share_asked_for(mask_folder: Path) -> None:
    """Of frames 30..39 as the others, three quarters of the crops, whatever the classes."""
    source, _ = open_data(tiny_settings(mask_folder, validate=(str(mask_folder),)))
    look = CropSettings(64, 64, own_frames=30, extra_share=0.75, per_frame=1)
    crops = Crops(source, 400, 0, look)
    drawn = []
    for number in range(400):
        crops[number]
        drawn.append(crops._last.sample.name)  # type: ignore[union-attr]
    extra = {source.name(index) for index in range(30, 40)}
    assert 0.68 < np.mean([name in extra for name in drawn]) < 0.82


@pytest.mark.parametrize("name", ["cross_entropy", "dice", "lovasz"])
def test_unknown_pixels_count_nothing(name: str) -> None:
    """The loss of a batch is that of its known half alone; of none known it is zero, with a finite gradient."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 8, 8, generator=generator)
    labels = torch.randint(0, 5, (2, 8, 8), generator=generator).byte()
    known = training_loss(name, logits[:1], labels[:1])  # type: ignore[arg-type]
    labels[1] = UNKNOWN
    assert training_loss(name, logits, labels).item() == pytest.approx(known.item(), rel=1e-5)  # type: ignore[arg-type]
    logits.requires_grad_()
    nothing = training_loss(name, logits, torch.full_like(labels, UNKNOWN))  # type: ignore[arg-type]
    (nothing + 0 * logits.sum()).backward()  # type: ignore[no-untyped-call]
    assert nothing.item() == 0 and logits.grad is not None and logits.grad.isfinite().all()


def test_agreeing_with_the_teacher_is_best() -> None:
    """The loss is least, the teacher's own entropy, where the probabilities are the same."""
    taught = torch.tensor([0.7, 0.2, 0.1])[None, :, None, None]
    own = teacher_loss(taught.log(), taught).item()
    assert own == pytest.approx(float(-(taught * taught.log()).sum()))
    assert teacher_loss(torch.zeros(1, 3, 1, 1), taught).item() > own


def test_a_student_learns_from_images_that_nobody_labelled(
    run: tuple[Path, Card], mask_folder: Path, tmp_path: Path
) -> None:
    """Taught on images alone, a run goes all its steps and takes up its end again; what taught is in its card."""
    images = (str(mask_folder / "images"),)
    settings = tiny_settings(
        mask_folder, teacher=str(run[0] / "best.pt"), extra=images, paste_share=0.5, encoder=EFFICIENTNET, epoch_crops=8
    )
    card = fit(settings, tmp_path / "student", QUIET)
    assert card.settings.extra == images and card.step == 4
    resumed = fit(settings, tmp_path / "student", QUIET, resume=True)
    assert resumed.step == 4


def test_a_teacher_of_other_classes_is_refused(run: tuple[Path, Card], mask_folder: Path, tmp_path: Path) -> None:
    """Its probabilities would be of something else."""
    card, weights, _ = checkpoint.load(run[0] / "best.pt")
    other = Card(card.settings, card.mean, card.std, card.class_shares, ("a", "b", "c", "d"))
    checkpoint.save(tmp_path / "other.pt", other, weights)
    with pytest.raises(UserError, match="knows the classes a, b, c, d; expected those of DATA: pitted"):
        fit(tiny_settings(mask_folder, teacher=str(tmp_path / "other.pt")), tmp_path / "run", QUIET)


def test_no_fold_is_taught_by_a_network_that_saw_it(run: tuple[Path, Card], mask_folder: Path, tmp_path: Path) -> None:
    """A checkpoint of the same data is refused; a cross-validation of the same folds gives each fold its own."""
    settings = tiny_settings(mask_folder, encoder=EFFICIENTNET, epochs=1, epoch_crops=4)
    with pytest.raises(DataError, match=r"--teacher .*best.pt: has learnt from DATA"):
        of_fold(tiny_settings(mask_folder, teacher=str(run[0] / "best.pt")), 1, 2)
    crossval(settings, 2, tmp_path / "first", QUIET, flips=False, edges_px=3)
    second = tiny_settings(mask_folder, start=str(tmp_path / "first"), teacher=str(tmp_path / "first"))
    assert of_fold(second, 2, 2).teacher == of_fold(second, 2, 2).start == str(tmp_path / "first/fold-2/last.pt")
    with pytest.raises(DataError, match="its folds are others"):
        of_fold(second, 2, 3)
