"""Two engines as one: held-back frames are sound, what passes is the full recipe's, a blind screen ends."""

from functools import partial

import msgspec
import numpy as np
import pytest

from inspector.analysis.finds import finds
from inspector.engines.cascade import Cascade, fitted, permit
from inspector.engines.screening import BLIND_AUDITS, ScreenAccount
from inspector.engines.stub import See, Stub, grey_is_class
from inspector.errors import EngineError, RecipeError
from inspector.recipe import SHIPPED, read_card
from inspector.records.frame import Bytes3D
from inspector.records.recipe import UNMEASURED, Certainty, Maps, Recipe, Screen
from tests.frames import HEIGHT, RECIPE, WIDTH

BELOW = 0.25
PERMITTED = Screen(
    recipe="fast@1", sha256="f" * 64, below=BELOW, defects=100, lost=0, lost_at_most=0.03, held_back=0.95
)


def by_corner(frames: Bytes3D) -> Maps:
    """A screen: the first pixel, in hundredths, is its score."""
    presence = np.repeat(frames[:, 0, :1].astype(np.float32), 2, axis=1)
    presence /= 100
    return Maps(np.zeros_like(frames), np.zeros_like(frames), presence)


def nothing_but_nan(frames: Bytes3D) -> Maps:
    """A screen whose network has come apart."""
    return Maps(np.zeros_like(frames), np.zeros_like(frames), np.full((len(frames), 2), np.nan, np.float32))


def sees_nothing(frames: Bytes3D) -> Maps:
    """A blind screen."""
    return Maps(np.zeros_like(frames), np.zeros_like(frames), np.zeros((len(frames), 2), np.float32))


def cascade(
    screen: See, full: See | None = None, audit_share: float = 0.001, *, measures_distance: bool = False
) -> tuple[Cascade, Stub, Stub]:
    """Make one of two engines in memory; by default the full one finds every pixel's grey level to be its class."""
    stubs = Stub(RECIPE, screen), Stub(RECIPE, full or grey_is_class(2))
    account = ScreenAccount(audit_share)
    joined = Cascade(
        *stubs,
        below=BELOW,
        screen_classes=2,
        classes=RECIPE.classes,
        measures_distance=measures_distance,
        account=account,
        finds=partial(finds, recipe=RECIPE),
    )
    return joined, *stubs


def frames(*greys: int) -> Bytes3D:
    """Make frames of one grey level each."""
    return np.repeat(np.array(greys, np.uint8), HEIGHT * WIDTH).reshape(-1, HEIGHT, WIDTH)


@pytest.mark.parametrize("greys", [(1, 30, 2, 99), (1, 2, 3), (30, 40), (24, 25)])
def test_only_what_is_not_surely_sound_passes(greys: tuple[int, ...]) -> None:
    """Held-back frames are sound; of the others the maps are the full recipe's, each in its place."""
    engine, _, _ = cascade(by_corner)
    engine.submit(frames(*greys))
    maps = engine.result()
    expected = frames(*(grey if grey >= 100 * BELOW else 0 for grey in greys))
    assert np.array_equal(maps.labels, expected) and np.array_equal(maps.confidence, expected)
    assert np.array_equal((maps.presence >= BELOW).any(1), np.array(greys) >= 100 * BELOW)
    now = engine.account.now()
    assert now.passed == sum(grey >= 100 * BELOW for grey in greys)
    assert now.held_back + now.audited + now.passed == len(greys)


def test_results_come_in_order_with_two_in_flight() -> None:
    """What was submitted first comes out first, whether it passed or not."""
    engine, screen, full = cascade(by_corner)
    engine.submit(frames(1))
    engine.submit(frames(70, 2))
    assert not engine.result().labels.any()
    engine.submit(frames(80))
    assert [int(plane.max()) for plane in engine.result().labels] == [70, 0]
    assert engine.result().labels.max() == 80
    engine.close()
    assert screen.is_closed and full.is_closed


def test_a_score_that_is_no_number_passes() -> None:
    """A screen that computes NaN holds nothing back."""
    engine, _, _ = cascade(nothing_but_nan)
    engine.submit(frames(1, 2))
    assert [int(plane.max()) for plane in engine.result().labels] == [1, 2]


def brightest(frames: Bytes3D) -> Maps:
    """A screen: the brightest pixel, in hundredths, is its score."""
    maps = by_corner(frames.max((1, 2), keepdims=True))
    return Maps(np.zeros_like(frames), np.zeros_like(frames), maps.presence)


def with_distance(frames: Bytes3D) -> Maps:
    """A screen or a full recipe whose graph measures distance: the second pixel, in hundredths."""
    maps = by_corner(frames)
    distance = frames[:, 0, 1:2].astype(np.float32) / 100
    return Maps(maps.labels, maps.confidence, np.concatenate((maps.presence, distance), axis=1))


@pytest.mark.parametrize(("screen", "expected"), [(with_distance, 0.5), (by_corner, UNMEASURED)])
def test_what_is_held_back_keeps_the_full_recipes_columns(screen: See, expected: float) -> None:
    """A held-back frame's presence moves with the picture, reaches no threshold, and has the screen's distance."""
    engine, *_ = cascade(screen, with_distance, measures_distance=True)
    held = frames(1, 2, 24)
    held[:, 0, 1] = 50
    engine.submit(held)
    presence = engine.result().presence
    assert presence.shape == (3, 3) and np.allclose(presence[:, 2], expected)
    assert len({row.tobytes() for row in presence}) == 3
    assert (presence[:, :2] < [kind.threshold for kind in RECIPE.classes]).all()


def test_scores_between_threshold_and_permission_stay_different() -> None:
    """A screen may hold back what scores above the full recipe's thresholds: its pictures are no constant output."""
    low = tuple(msgspec.structs.replace(kind, threshold=0.05) for kind in RECIPE.classes)
    stubs = Stub(RECIPE, by_corner), Stub(RECIPE)
    account = ScreenAccount(0.001)
    engine = Cascade(
        *stubs, below=BELOW, screen_classes=2, classes=low, account=account, finds=partial(finds, recipe=RECIPE)
    )
    engine.submit(frames(0, 10, 17, 24))
    presence = engine.result().presence
    assert len({row.tobytes() for row in presence}) == 4 and not presence[0].any()
    assert (presence < 0.05).all()


def test_what_the_screen_was_never_taught_passes() -> None:
    """A frame beyond the screen's limit goes to the full recipe, however sound it looks to the screen."""
    engine, *_ = cascade(with_distance, with_distance, measures_distance=True)
    far = frames(1, 1)
    far[1, 0, 1] = 101
    engine.submit(far)
    assert np.allclose(engine.result().presence[:, 2], [0.01, 1.01])
    assert engine.account.now().passed == 1


def test_a_screen_of_another_size_looks_at_tiles() -> None:
    """A screen for smaller frames sees all of the full recipe's, and its score is that of its highest tile."""
    small = msgspec.structs.replace(RECIPE, width=WIDTH // 2, mm_per_px=0.0)
    stub = Stub(small, brightest)
    screen = fitted(small, stub, RECIPE, 2)
    account = ScreenAccount(0.001)
    engine = Cascade(
        screen,
        Stub(RECIPE, grey_is_class(2)),
        below=BELOW,
        screen_classes=2,
        classes=RECIPE.classes,
        account=account,
        finds=partial(finds, recipe=RECIPE),
    )
    both = frames(1, 1, 1)
    both[1, 0, 0] = both[2, -1, -1] = 90
    engine.submit(both)
    assert [int(plane.max()) for plane in engine.result().labels] == [0, 90, 90]
    assert fitted(RECIPE, stub, RECIPE, 2) is stub


def test_a_share_of_what_is_held_back_is_assessed_all_the_same() -> None:
    """Of a hundred held-back frames, a tenth is audited, evenly, and nothing is missed where nothing is."""
    engine, _, _ = cascade(sees_nothing, sees_nothing, audit_share=0.1)
    for _ in range(25):
        engine.submit(frames(1, 1, 1, 1))
        engine.result()
    now = engine.account.now()
    assert (now.held_back, now.audited, now.passed) == (90, 10, 0)
    assert now.missed == 0 and now.missed_ratio == 0 and not now.is_blind


def test_a_blind_screen_is_found_out_and_no_longer_asked() -> None:
    """Once the audits find defects that the screen held back, every frame passes."""
    engine, _, _ = cascade(sees_nothing, audit_share=0.1)
    labels = []
    for _ in range(50):
        engine.submit(frames(7))
        labels.append(int(engine.result().labels.max()))
    now = engine.account.now()
    assert now.is_blind and now.missed == now.audited == BLIND_AUDITS
    assert now.missed_ratio > 0.5 and "audited" in str(now)
    assert labels == [7 if frame % 10 == 9 else 0 for frame in range(30)] + [7] * 20


def test_few_misses_among_many_finds_are_no_blindness() -> None:
    """A screen that passes nearly all defects stays in force, and its ratio is what it misses."""
    account = ScreenAccount(0.02)
    for _ in range(100):
        account.count(held_back=95, passed=5, audited=0, found=5, missed=0)
    account.count(held_back=49, passed=0, audited=1, found=0, missed=1)
    assert account.now().missed_ratio == pytest.approx(50 / 550, rel=0.2) and not account.is_blind
    for _ in range(200):
        account.count(held_back=950, passed=50, audited=0, found=50, missed=0)
    assert account.now().missed_ratio < 0.001


def test_a_failing_engine_fails_the_batch_and_closes_both() -> None:
    """An error of the full engine leaves, and what is still in flight does not keep the engines open."""

    def fails(frames: Bytes3D) -> Maps:
        raise EngineError("broken")

    engine, screen, full = cascade(by_corner)
    engine.submit(frames(99))
    engine.submit(frames(1))
    assert engine.result().labels.max() == 99
    engine.close()
    assert screen.is_closed and full.is_closed
    engine, _, _ = cascade(by_corner, fails)
    engine.submit(frames(99))
    with pytest.raises(EngineError, match="broken"):
        engine.result()


def of(sha256: str, **changes: object) -> Recipe:
    """Make a recipe's card."""
    return msgspec.structs.replace(RECIPE, sha256=sha256, **changes)


def test_only_a_measured_screen_is_permitted() -> None:
    """The full recipe's card names the screen by its model's hash; any other is refused."""
    full = of("a" * 64, screen=PERMITTED)
    assert permit(full, of("f" * 64)) is PERMITTED
    for recipe, screen in ((full, of("b" * 64)), (of("a" * 64), of("f" * 64))):
        with pytest.raises(RecipeError, match=r"recipe\.screen"):
            permit(recipe, screen)


def test_a_screen_is_permitted_at_the_settings_at_which_it_was_measured() -> None:
    """With what decides which defects are reported changed by hand it is refused; a card of before does not say."""
    full = of("a" * 64)
    full = of("a" * 64, screen=msgspec.structs.replace(PERMITTED, settings_sha256=full.settings_sha256))
    first, *others = full.classes
    for change in ({"threshold": 0.2}, {"min_area_mm2": 1.0}, {"min_confidence": 0.1}, {"min_probability": 0.1}):
        changed = msgspec.structs.replace(full, classes=(msgspec.structs.replace(first, **change), *others))
        with pytest.raises(RecipeError, match="trainer tune-screen"):
            permit(changed, of("f" * 64))
        assert permit(msgspec.structs.replace(changed, screen=PERMITTED), of("f" * 64)) is PERMITTED
    certainty = Certainty(constant=0.0, log_odds=1.0, log_area=0.0, log_length=0.0)
    same = msgspec.structs.replace(first, name="other", certainty=certainty)
    assert permit(msgspec.structs.replace(full, classes=(same, *others)), of("f" * 64)) is full.screen


def test_shipped_cards_permit_their_screens() -> None:
    """Each notes the settings that it has, so that whoever changes them by hand loses the permission."""
    cards = {str(card): card for card in map(read_card, (path.parent for path in SHIPPED.glob("*/recipe.toml")))}
    full = [card for card in cards.values() if card.screen]
    assert full
    for card in full:
        assert card.screen is not None
        assert permit(card, cards[card.screen.recipe]).settings_sha256 == card.settings_sha256
