import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.trainer.frames import tiny_settings
from trainer.__main__ import main
from trainer.data.check import remarks
from trainer.data.split import keep_split, open_data, write_split
from trainer.errors import UserError


@pytest.fixture
def twins(mask_folder: Path, tmp_path: Path) -> Path:
    """The forty frames, and the first ten again: the even ones brighter, the odd ones the same."""
    folder = tmp_path / "twins"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
        for path in (mask_folder / part).iterdir():
            (folder / part / path.name).write_bytes(path.read_bytes())
            if int(path.stem) < 10:
                pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
                assert pixels is not None
                lit = cv2.convertScaleAbs(pixels, alpha=1.1) if part == "images" and int(path.stem) % 2 == 0 else pixels
                cv2.imwrite(str(folder / part / f"{path.stem}-again.png"), lit)
    return folder


def test_the_report_counts_what_is_there(twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames, sizes, sound ones, classes, copies, near-duplicates and the split, each on a line of its own."""
    assert main(["check", str(twins), "--out", str(tmp_path / "out")]) == 0
    lines = {line[:16].strip(): line[16:].split() for line in capsys.readouterr().out.splitlines()}
    assert lines["frames"] == ["50", "read"] and lines["sizes"] == ["128", "x", "64", "px", "(50)"]
    assert lines["sound"][:2] == ["13", "frames,"]
    having = [int(lines[f"{i} {name}"][0]) for i, name in enumerate(("class-1", "class-2", "class-3", "class-4"), 1)]
    assert sum(having) == 37
    area = 24 * 40 / (64 * 128)  # of every drawn defect
    assert lines["1 class-1"][2] == f"{having[0] * area / 50:.3%}"
    assert lines["exact copies"][:4] == ["5", "groups,", "10", "frames"]
    assert int(lines["near-duplicates"][0]) >= 10 and lines["leaks"][:2] == ["no", "near-duplicates"]
    assert lines["no faults"] == []


def test_twins_stay_together_and_the_split_is_the_one_that_fit_makes(twins: Path, tmp_path: Path) -> None:
    """What check wrote, a run with the same seed would have made, and one with another follows when asked to."""
    assert main(["check", str(twins), "--out", str(tmp_path / "out")]) == 0
    path = tmp_path / "out" / "split.csv"
    part = {row["name"].rpartition("/")[2]: row["part"] for row in csv.DictReader(path.read_text().splitlines())}
    assert all(part[name] == part[f"{name}-again"] for name in (f"{number:03}" for number in range(10)))
    for settings in (tiny_settings(twins), tiny_settings(twins, split=str(path), seed=9)):
        train, validation = open_data(settings)
        assert {train.name(i).rpartition("/")[2] for i in range(len(train))} == {
            n for n, p in part.items() if p == "train"
        }
        assert len(train) + len(validation) == 50


def test_a_split_that_somebody_changed_is_kept(twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another check into the same folder puts it aside, and says so; its own split it leaves as it is."""
    command = ["check", str(twins), "--out", str(tmp_path)]
    assert main(command) == 0
    path = tmp_path / "split.csv"
    path.write_text(by_hand := path.read_text().replace(",train,", ",validation,", 3))
    capsys.readouterr()
    for _ in range(2):
        assert main(command) == 0
    assert (tmp_path / "split-before-1.csv").read_text() == by_hand != path.read_text()
    kept = f"warning: another {path} stood there: it is kept as {tmp_path / 'split-before-1.csv'}"
    assert capsys.readouterr().out.count(kept) == 1


def test_a_split_that_a_run_follows_is_left(
    mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Export, tune and --resume read it: another would have them measure on what was taught. The same is no harm."""
    path, parts = tmp_path / "split.csv", open_data(tiny_settings(mask_folder))
    write_split(path, *parts)
    text = path.read_text()
    (tmp_path / "last.pt").touch()
    assert keep_split(path, *parts) is None
    assert main(["check", str(mask_folder), "--seed", "1", "--out", str(tmp_path)]) == 2
    assert f"{path}: is followed by the run of {tmp_path / 'last.pt'}, which would" in capsys.readouterr().err
    (tmp_path / "last.pt").rename(tmp_path / "best.pt")
    with pytest.raises(UserError, match=r"followed by the run of .*best.pt"):
        keep_split(path, *reversed(parts))
    path.unlink()
    with pytest.raises(UserError, match=r"followed by the run of .*best.pt"):
        keep_split(path, *parts)
    (tmp_path / "resnet18").mkdir()
    (tmp_path / "best.pt").rename(tmp_path / "resnet18" / "best.pt")
    (tmp_path / "compare.json").touch()
    assert keep_split(path, *parts) is None and path.read_text() == text
    with pytest.raises(UserError, match=r"followed by the run of .*resnet18/best.pt"):
        keep_split(path, *reversed(parts))
    assert path.read_text() == text and not list(tmp_path.glob("split-before-*"))
    (tmp_path / "compare.json").unlink()  # a folder of runs that have splits of their own
    assert keep_split(path, *reversed(parts)) == tmp_path / "split-before-1.csv"


def test_a_split_that_parts_twins_is_reported(twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody else's split is checked and left as it is."""
    names = sorted(path.stem for path in (twins / "images").iterdir())
    rows = [f"twins/{name},{'validation' if 'again' in name else 'train'}" for name in names]
    (tmp_path / "mine.csv").write_text("\n".join(["name,part", *rows]))
    assert main(["check", str(twins), "--split", str(tmp_path / "mine.csv"), "--out", str(tmp_path / "out")]) == 0
    assert "leaks           10 groups on both sides" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["contact.png"]


@pytest.mark.parametrize(
    "words",
    [
        ["fit"],
        ["fit", "--folds", "3"],
        ["crossval", "--folds", "3"],
        ["crossval", "--folds", "3", "--jobs", "2"],
        ["compare", "--encoders", "resnet18"],
    ],
)
def test_who_teaches_on_data_is_warned_as_check_warns(
    words: list[str], twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of frames that are not read and how images are stored, once; then it ends, for there are no such weights."""
    for number in (11, 12):
        path = twins / "images" / f"{number:03}.png"
        pixels = cv2.imread(str(path))
        assert pixels is not None
        cv2.imwrite(str(path), pixels)  # in colour
    (twins / "images" / "scan.xcf").touch()
    extra = tmp_path / "extra"
    (extra / "images" / "frames").mkdir(parents=True)
    (extra / "masks").mkdir()
    assert main(["check", str(twins), "--out", str(tmp_path / "out")]) == 0
    checked = [line for line in capsys.readouterr().err.splitlines() if "no frame has class" not in line]
    assert len(checked) == 2 and "scan.xcf" in checked[0] and "in colour" in checked[1]
    command, *options = words
    asked = [command, str(twins), *options, "--extra", str(extra), "--weights", str(tmp_path / "none.pt")]
    assert main([*asked, "--out", str(tmp_path / "run")]) == 2
    warned = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert warned[:2] == checked
    assert [line.partition(", as ")[2].partition(",")[0] for line in warned[2:]] == ["frames"]


def test_a_screen_that_is_taught_warns_too(twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything else of its data; then it ends, for there is no such split."""
    (twins / "images" / "scan.xcf").touch()
    asked = ["fit-screen", str(twins), "--split", str(tmp_path / "none.csv"), "--out", str(tmp_path / "screen")]
    assert main(asked) == 2
    assert ", as scan.xcf, is not read" in capsys.readouterr().out


def test_warnings_before_a_run_decode_no_mask(twins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the classes that only masks tell: it took as long as looking for near-duplicates."""
    (twins / "masks" / "scan.xcf").touch()
    warned = remarks([str(twins)])

    def refuse(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr("trainer.data.masks.read_mask", refuse)
    assert not (twins / "classes.toml").exists() and remarks([str(twins)]) == warned and len(warned) == 1


def test_of_many_warnings_a_run_says_few(tmp_path: Path) -> None:
    """The rest is what check is for."""
    (tmp_path / "images").mkdir()
    for name in ("a b", "c d", "e f", "g h", "i j", "k l", "m n"):
        (tmp_path / "masks" / name).mkdir(parents=True)
    assert remarks([str(tmp_path)])[5:] == ["and 2 more warnings; `trainer check` lists them all"]


def test_every_fault_is_listed_and_the_exit_code_says_so(
    twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing mask, a cut image, a mask of another size: all in one go, the rest reported on all the same."""
    (twins / "masks" / "001.png").unlink()
    image = twins / "images" / "002.png"
    image.write_bytes(image.read_bytes()[:-20])
    cv2.imwrite(str(twins / "masks" / "003.png"), np.zeros((9, 9), np.uint8))
    assert main(["check", str(twins), "--out", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert [line.split(": ")[1].rpartition("/")[2] for line in err.splitlines()] == ["001.png", "002.png", "003.png"]
    assert "frames          47 read, 2 with faults" in out and "3 faults stop training" in out


def test_frames_of_one_name_are_a_fault(twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `fit` refuses `check` reports, and writes no split."""
    assert main(["check", str(twins), str(twins), "--out", str(tmp_path / "out")]) == 1
    assert "2 frames of DATA are named twins/000; expected each name once" in capsys.readouterr().err
    assert not (tmp_path / "out" / "split.csv").exists()


def test_the_contact_sheet_outlines_masks_in_their_colours(twins: Path, tmp_path: Path) -> None:
    """Every class's colour is on the page, in its legend, its heading and around its defects."""
    assert main(["check", str(twins), "--out", str(tmp_path / "out")]) == 0
    sheet = cv2.imread(str(tmp_path / "out" / "contact.png"))
    assert sheet is not None and sheet.shape[1] == 2000
    for colour in ((242, 196, 72), (64, 160, 255), (86, 226, 250), (140, 214, 92)):
        rows = np.flatnonzero((sheet == colour).all(axis=2).sum(axis=1))
        assert rows.size > 90  # the legend and the heading alone are 40


def test_data_that_is_not_there_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to report on is no crash."""
    assert main(["check", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 1
    assert "there is no such file or folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_fault_and_one_frame_are_spoken_of_in_the_singular(
    twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the last line counts agrees in number with its verb."""
    (twins / "masks" / "001.png").unlink()
    assert main(["check", str(twins), "--out", str(tmp_path / "out")]) == 1
    assert "1 fault stops training on this data" in capsys.readouterr().out
