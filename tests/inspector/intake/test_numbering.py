"""Numbers and positions: gaps are found, absurd values change nothing, counts that begin again are followed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.errors import FrameError
from inspector.intake.numbering import Numbering
from inspector.intake.positions import AGREEING
from tests import frames
from tests.frames import HEIGHT, header

SECOND_NS = 1_000_000_000


def follow(numbers: list[int], **camera: Any) -> list[object]:
    """Return the number given out for each, with what is missing before it; or why it is refused."""
    numbering, found = Numbering([frames.camera(**camera)]), list[object]()
    for number in numbers:
        try:
            believed = numbering.believe(header(number), 0)
        except FrameError as error:
            found.append(error.reason)
        else:
            found += [-believed.missing] if believed.missing else []
            found.append(believed.header.number)
    return found


def test_absurd_number() -> None:
    """One number far ahead is refused and changes nothing; nor is its frame missing as well."""
    assert follow([0, 1, 2, 2**63 - 1, 3, 4, 10**12, 6]) == [0, 1, 2, "number", 3, 4, "number", 6]


@pytest.mark.parametrize("wrong", [100, 500, 999])
def test_a_wrong_number_that_could_be_is_seen_by_the_time(wrong: int) -> None:
    """Without a position it is refused where no time has passed for such a gap, and nothing is missing."""
    assert follow([0, 1, 2, wrong, 4, 5]) == [0, 1, 2, "number", 4, 5]
    assert follow([0, 1, 2, wrong, wrong + 1, wrong + 2, wrong + 3])[3:] == ["number", "number", wrong + 2, wrong + 3]


@pytest.mark.parametrize(
    ("now_ns", "captured_ns", "start_mm"), [(SECOND_NS, 0, None), (0, SECOND_NS, None), (0, 0, 5.0)]
)
def test_a_long_gap_that_something_explains_is_believed(now_ns: int, captured_ns: int, start_mm: float | None) -> None:
    """A cable that was out, frames that waited while others were lost, an encoder: the first frame behind it counts."""
    numbering = Numbering([frames.camera()])
    numbering.believe(header(0, captured_ns=0, start_mm=start_mm), 0)
    behind = header(500, captured_ns=captured_ns, start_mm=start_mm)
    assert numbering.believe(behind, now_ns).missing == 499


def test_wrap_that_nobody_announced() -> None:
    """A count that falls back is followed from the third number in a row, under another boot."""
    numbering = Numbering([frames.camera()])
    numbering.believe(header(65535), 0)
    for number in (0, 1):
        with pytest.raises(FrameError, match="expected the next one, or another boot"):
            numbering.believe(header(number), 0)
    believed = numbering.believe(header(2), 0)
    assert (believed.header.number, believed.header.boot, believed.missing) == (2, "b+1", 0)
    assert believed.remarks[0].startswith("the count began again: 3 frames up to 2 after 65535")
    after = numbering.believe(header(4), 0)
    assert (after.header.number, after.header.boot, after.missing) == (4, "b+1", 1)


@pytest.mark.parametrize("last_number", [2**63 - 1, 2**31 - 1])
@pytest.mark.parametrize("step", [2, 60])
def test_a_count_that_begins_again_is_followed_over_gaps(step: int, last_number: int) -> None:
    """A line that loses frames, or a gateway that thins them out, never shows three neighbours: it is not shut out.

    What is missing between those that show the new count is counted once it is believed.
    """
    found = follow([10**9, *range(0, 5 * step, step)], last_number=last_number)
    assert found == [10**9, "number", "number", 2 - 2 * step, 2 * step, 1 - step, 3 * step, 1 - step, 4 * step]


def test_numbers_without_an_order_begin_no_count() -> None:
    """What falls, repeats or leaps is no count, however long it goes on."""
    for numbers in ([500 - 3 * place for place in range(99)], [7] * 99, [1000 * place for place in range(99)]):
        assert follow([10**9, *numbers]) == [10**9, *["number"] * 99]


@pytest.mark.parametrize(("first", "expected"), [(0, [65534, 65535, 65536, 65537]), (1, [65534, 65535, 65536])])
def test_declared_wrap(first: int, expected: list[int]) -> None:
    """A count of 16 bits goes on over its end without a loss, from 0 or from 1 (GigE Vision's block ids)."""
    numbers = [65534, 65535, *([0, 1] if first == 0 else [1])]
    assert follow(numbers, first_number=first, last_number=65535) == expected


@settings(max_examples=100)
@given(st.lists(st.integers(0, 64), max_size=50), st.sampled_from([0, 1]), st.integers(0, 1000))
def test_declared_wrap_finds_every_gap(gaps: list[int], first: int, begin: int) -> None:
    """Whatever is left out, and however often the count wraps, numbers given out count on and gaps are right."""
    span = 1000 - first + 1
    true = begin
    numbers, expected = [begin % span + first], list[object]([begin % span + first])
    for gap in gaps:
        true += gap + 1
        numbers.append(true % span + first)
        expected += [-gap] if gap else []
        expected.append(begin % span + first + true - begin)
    assert follow(numbers, first_number=first, last_number=1000) == expected


def test_frames_that_come_twice() -> None:
    """A burst that a gateway sends again is refused as long as it could be one; the count goes on."""
    assert follow([5, 6, 7, 6, 7, 8]) == [5, 6, 7, "order", "order", 8]


@settings(max_examples=100)
@given(
    st.lists(st.one_of(st.integers(0, 5), st.sampled_from([10**6, 2**40, 2**63 - 1])), min_size=1, max_size=40),
)
def test_a_sound_frame_is_never_refused(steps: list[int]) -> None:
    """Absurd numbers between them, however many: every frame that counts on is taken, and gaps are right."""
    numbers, sound, expected_missing = [0], 0, 0
    for place, step in enumerate(steps):
        if step > 5:
            numbers.append(min(step + 700 * place, 2**63 - 1))
            continue
        sound += step + 1
        numbers.append(sound)
        expected_missing += step
    found = follow(numbers)
    assert [number for number in found if isinstance(number, int) and number >= 0] == [
        number for number in numbers if number <= sound
    ]
    assert -sum(number for number in found if isinstance(number, int) and number < 0) <= expected_missing


def test_long_silence_explains_a_long_gap() -> None:
    """After an hour without a frame, as many may be missing as a camera takes in an hour."""
    numbering = Numbering([frames.camera()])
    numbering.believe(header(0), 0)
    assert numbering.believe(header(400_000), 3600 * SECOND_NS).missing == 399_999


def test_boots_that_come_mixed() -> None:
    """What an ended connection had sent comes between frames of the next: each boot's gaps are found."""
    numbering, missing = Numbering([frames.camera()]), 0
    for number in range(0, 40, 4):
        missing += numbering.believe(header(number, boot="old"), 0).missing
        numbering.refuse(header(number + 1, boot="old"))
        missing += numbering.believe(header(number, boot="new"), 0).missing
    assert missing == 9 * 2 + 9 * 3


def positions(starts: list[float | None], coils: str = "", dt_ns: int = 0) -> list[float | None]:
    """Return what is believed of the positions of frames that follow one another."""
    numbering = Numbering([frames.camera()])
    believed = list[float | None]()
    for number, start_mm in enumerate(starts):
        coil = coils[number] if coils else "A"
        made = header(number, coil=coil if coil != " " else None, start_mm=start_mm)
        believed.append(numbering.believe(made, number * dt_ns).header.start_mm)
    return believed


def test_absurd_position() -> None:
    """One wild encoder value is left out: its frame follows the one before, and nothing else changes."""
    assert positions([0, 10, 20, 1e9, 40, 50]) == [0, 10, 20, None, 40, 50]
    assert positions([0, 10, 20, -1e9, 40, 50]) == [0, 10, 20, None, 40, 50]
    assert positions([0, 1e9, 0, 10], "AABB") == [0, None, 0, 10]
    assert positions([0, 10, 1e9, 10, 20], "AABBB") == [0, 10, None, 10, 20]
    assert positions([1e9, 10, 20]) == [None, 10, 20]


def test_a_position_behind_where_strip_can_have_run_back() -> None:
    """A wrong one some metres back is left out like one ahead; frames that were lost on the way back explain theirs."""
    forward: list[float | None] = [number * 10.0 for number in range(90)]
    assert positions([*forward, 40, 910, 920], dt_ns=SECOND_NS // 15) == [*forward, None, 910, 920]
    numbering = Numbering([frames.camera()])
    for number, start_mm in enumerate(forward):
        numbering.believe(header(number, coil="A", start_mm=start_mm), 0)
    back = header(89 + 60, coil="A", start_mm=890.0 - 60 * 10)
    assert numbering.believe(back, 0).header.start_mm == 290.0


def test_positions_before_the_head() -> None:
    """A coil may be named before its head comes: the positions hold from the first on, and it is remarked on once."""
    numbering, remarks = Numbering([frames.camera()]), list[tuple[str, ...]]()
    for number, start_mm in enumerate((-30.0, -20.0, -10.0, 0.0)):
        believed = numbering.believe(header(number, coil="A", start_mm=start_mm), 0)
        assert believed.header.start_mm == start_mm
        remarks.append(believed.remarks)
    words = "start_mm -30 of frame 0 lies before the head of A: what is seen there is on no coil, and not reported"
    assert remarks == [(words,), (), (), ()]


def test_position_that_really_jumped() -> None:
    """Where three frames in a row agree on it the strip did move without the camera."""
    assert positions([0, 10, 5000, 5010, 5020, 5030]) == [0, 10, None, None, 5020, 5030]
    assert AGREEING == 3


@pytest.mark.parametrize(
    ("starts", "believed"),
    [
        ([1e6, 10, 20, 30], [1e6, None, 20, 30]),  # the camera's first is wrong
        ([1e6, 1e6 + 10, 20, 30, 40], [1e6, 1e6 + 10, None, None, 40]),  # two that agree stand against two others
        ([500, 1e6, 520, 530], [500, None, 520, 530]),  # its second is
        ([-5e6, 10, 20], [None, 10, 20]),  # no coil begins there
    ],
)
def test_two_that_agree_overrule_a_single_one(starts: list[float | None], believed: list[float | None]) -> None:
    """A position that one frame alone names falls to two others."""
    assert positions(starts) == believed


def test_a_single_position_falls_to_where_the_frames_before_it_ended() -> None:
    """After a second's pause the strip may lie 20 m further, and the next frame elsewhere where it can have come."""
    for wrong, back in ((20_000.0, 40.0), (25_000.0, 10_020.0)):
        numbering = Numbering([frames.camera()])
        believed = []
        for number, (start_mm, now_ns) in enumerate(
            [(0.0, 0), (10.0, 0), (wrong, SECOND_NS), (back, SECOND_NS), (back + 10, SECOND_NS)]
        ):
            believed.append(numbering.believe(header(number, coil="A", start_mm=start_mm), now_ns).header.start_mm)
        assert believed[2:] == [wrong, back, back + 10]


@pytest.mark.parametrize(
    ("first", "then", "believed"),
    [
        (1e6, [530.0, 540.0], [None, 530.0, 540.0]),  # one wrong position after a restart of the camera
        (0.0, [530.0, 540.0], [None, 530.0, 540.0]),
        (0.0, [10.0, 20.0], [None, 10.0, 20.0]),  # its encoder began again, too
        (520.0, [530.0, 540.0], [520.0, 530.0, 540.0]),
    ],
)
def test_position_after_a_restart_of_the_camera(first: float, then: list[float], believed: list[float | None]) -> None:
    """Along the same coil it goes on where it was, or where two frames agree."""
    numbering, found = Numbering([frames.camera()]), list[float | None]()
    for number, start_mm in enumerate([500.0, 510.0]):
        numbering.believe(header(number, coil="A", start_mm=start_mm), 0)
    for number, start_mm in enumerate([first, *then]):
        made = header(number, boot="again", coil="A", start_mm=start_mm)
        found.append(numbering.believe(made, 0).header.start_mm)
    assert found == believed


@pytest.mark.parametrize(
    ("coil", "starts", "believed"),
    [
        ("X", [530.0], "A"),  # one wrong name after a restart of the camera
        ("B", [530.0, 540.0, 550.0], "AAB"),  # renamed meanwhile
        ("B", [0.0, 10.0], "BB"),  # a weld meanwhile
        ("B", [90_000.0], "B"),  # farther than the strip can have run
    ],
)
def test_name_after_a_restart_of_the_camera(coil: str, starts: list[float], believed: str) -> None:
    """Where the position goes on the coil does, too."""
    numbering = Numbering([frames.camera()])
    numbering.believe(header(0, coil="A", start_mm=500.0), 0)
    found = [
        numbering.believe(header(number, boot="again", coil=coil, start_mm=start_mm), SECOND_NS).header.coil
        for number, start_mm in enumerate(starts)
    ]
    assert found == list(believed)


def test_a_coil_that_was_left_by_mistake_goes_on_where_it_was() -> None:
    """After frames of another name whose positions nobody knows, it is not at its head."""
    assert positions([5000, 5010, None, 5030, 5040], "AAXAA") == [5000, 5010, None, 5030, 5040]
    assert positions([5000, 5010, None, None, 90_000], "AAXXA") == [5000, 5010, None, None, None]


def test_position_after_a_while() -> None:
    """What the strip can have travelled since the last frame is believed at once."""
    assert positions([0, 20_000, 40_000], dt_ns=SECOND_NS) == [0, 20_000, 40_000]


def test_next_coil() -> None:
    """Another coil begins near its head, named or not."""
    assert positions([5000, 5010, 0, 10], "AABB") == [5000, 5010, 0, 10]
    assert positions([5000, 5010, 0, 10], "    ") == [5000, 5010, 0, 10]


@pytest.mark.parametrize(
    ("starts", "named", "believed"),
    [
        ([500, 510, 520, 530, 540], "AAXAA", "AAAAA"),  # one wrong name
        ([500, 510, 520, 530, 540], "AA AA", "AAAAA"),  # one without a name
        ([500, 510, 520, 530, 540, 550], "AAXXAA", "AAAAAA"),  # two
        ([500, 510, 520, 530, 540, 550], "AAXYXA", "AAAAAA"),
        ([500, 510, 520, 530, 540, 550], "AAXXXX", "AAAAXX"),  # renamed under the camera
        ([500, 510, 0, 10, 20], "AABBB", "AABBB"),  # a weld
        ([0, 10, 0, 0, 10], "AABCC", "AABCC"),  # coils of one frame
        ([500, 510, 9000, 9010], "AABB", "AABB"),  # a coil whose head passed unseen
        ([None, None, None, None], "AABB", "AABB"),  # nobody knows the position
        ([500, 510, 1e9, 10], "AABB", "AABB"),  # an encoder that stumbles at the weld
    ],
)
def test_coil_with_another_name(starts: list[float | None], named: str, believed: str) -> None:
    """A name is believed at a coil's head, and not where the position goes on, unless three frames agree on it."""
    numbering, found = Numbering([frames.camera()]), list[str | None]()
    for number, (start_mm, coil) in enumerate(zip(starts, named, strict=True)):
        made = header(number, coil=coil.strip() or None, start_mm=start_mm)
        found.append(numbering.believe(made, 0).header.coil)
    assert "".join(coil or " " for coil in found) == believed


def test_coil_with_another_name_is_remarked() -> None:
    """The log says which frame's name was not believed, and which coil its strip lies on."""
    numbering = Numbering([frames.camera()])
    numbering.believe(header(0, coil="A", start_mm=500.0), 0)
    believed = numbering.believe(header(1, coil="X", start_mm=510.0), 0)
    assert believed.header.start_mm == 510.0
    assert believed.remarks == ("coil X of frame 1 is not believed; its position goes on along A",)


def test_absurd_travel_per_row() -> None:
    """A travel per row far from the configured one is left out."""
    numbering = Numbering([frames.camera()])
    believed = numbering.believe(header(0, mm_per_row=900.0, start_mm=0.0), 0)
    assert believed.header.mm_per_row is None
    assert believed.remarks == ("mm_per_row 900 is not believed; configured is 1",)
    assert numbering.believe(header(1, mm_per_row=1.1, start_mm=float(HEIGHT)), 0).header.mm_per_row == 1.1
