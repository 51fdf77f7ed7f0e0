"""A configuration made ready: all that it refers to is checked, and a bad one never replaces a good one."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import onnx.parser
import pytest

from inspector.engines.screening import ScreenAccounts
from inspector.errors import ConfigError, InspectorError, RecipeError, Stopped
from inspector.infer import Loaded
from inspector.service.engine import Load, Options, load
from inspector.service.line import Config
from inspector.service.prepare import Prepared, prepare
from inspector.service.reload import Reload
from tests.patience import patience_s
from tests.recipes import DECIDE, GRAPH, HEIGHT, WIDTH, write_folder, write_recipe

LINE = """
line = "line3"
[recipe]
path = "recipe"
[intake]
bind = "tcp://127.0.0.1:5555"
[[camera]]
name = "top"
mm_per_px = 0.6
mm_per_row = 0.5
[[alarm]]
name = "spots"
classes = ["dark"]
[events]
bind = "tcp://127.0.0.1:5556"
replay_bind = "tcp://127.0.0.1:5557"
[journal]
path = "journal"
"""


class Line:
    """A configuration file with its recipe, and a line that runs it."""

    def __init__(self, folder: Path, started_with: str = "mm_per_row = 0.5") -> None:
        self.path, self.recipe = folder / "line3.toml", folder / "recipe"
        self.path.write_text(LINE.replace("mm_per_row = 0.5", started_with))
        write_recipe(self.recipe)
        prepared = prepare(self.path)
        assert prepared.full.folder == self.recipe
        self.settings, self.loaded = prepared.settings, load(prepared)
        self.errors: list[InspectorError] = []
        self._is_over = threading.Event()
        self.run(load)

    def run(self, load: Load) -> None:
        """Reload by `load` from now on."""
        self._reload = Reload(self.path, self.settings, self.loaded, self._done, self._failed, load=load)

    def _done(self, settings: Config, loaded: Loaded) -> None:
        self.settings, self.loaded = settings, loaded
        self._is_over.set()

    def _failed(self, error: InspectorError) -> None:
        self.errors.append(error)
        self._is_over.set()

    def change(self, old: str, new: str) -> None:
        """Edit the file."""
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))

    def reload(self) -> list[str]:
        """Reload and wait for the outcome; return what was wrong."""
        self.errors.clear()
        self._is_over.clear()
        while not self._reload.begin():
            threading.Event().wait(0.001)
        assert self._is_over.wait(patience_s())
        return [line for error in self.errors for line in str(error).splitlines()]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """Give a line; each test leaves it with a good configuration."""
    return Line(tmp_path_factory.mktemp("line"))


def test_good_reload(line: Line) -> None:
    """New alarms and a new recipe are handed over together, loaded and ready to infer."""
    write_recipe(line.recipe, name="keener", threshold=0.3)
    line.change('name = "spots"', 'name = "stains"')
    assert line.reload() == []
    assert str(line.loaded.recipe) == "keener@1"
    assert [alarm.name for alarm in line.settings.alarm] == ["stains"]
    assert line.loaded.engine.name.startswith("openvino")


def test_other_grey_levels_of_deep_images_need_a_restart(line: Line) -> None:
    """Frames are read as the recipe at the start has it: through another window a network sees other steel."""
    card = line.recipe / "recipe.toml"
    before, text = line.loaded, card.read_text()
    card.write_text(text.replace("trained_on", "window = [0, 4095]\ntrained_on"))
    (words,) = line.reload()
    assert "takes levels 0-4095 of deep images; frames are read as no deep images now. Restart" in words
    assert line.loaded is before
    card.write_text(text)


@pytest.mark.parametrize(
    ("old", "new", "printed"),
    [
        (
            'classes = ["dark"]',
            'classes = ["dark", "drak"]',
            'line3.toml: alarm "{alarm}" watches class "drak"; expected one of dark, bright (recipe {recipe}). '
            "Correct its classes.",
        ),
        (
            "mm_per_px = 0.6",
            "mm_per_px = 0.7",
            "line3.toml: camera has changed; a reload takes only alarm, engine, flood, recipe, travel, trigger. "
            "Restart the service to change it.",
        ),
        ("mm_per_px = 0.6", "mm_per_px = -1", None),
        ("[[camera]]", "[[camera", None),
        ('path = "recipe"', 'path = "elsewhere"', None),
    ],
)
def test_bad_reload(line: Line, old: str, new: str, printed: str | None) -> None:
    """What cannot be taken leaves the running line exactly as it was, and says why, a line for each fault."""
    before = line.settings, line.loaded
    line.change(old, new)
    words = line.reload()
    line.change(new, old)
    assert (line.settings, line.loaded) == before
    assert len(words) == 1
    if printed:
        assert words == [printed.format(alarm=line.settings.alarm[0].name, recipe=line.loaded.recipe)]


def test_a_recipe_copied_over_the_checked_one_waits_for_a_check(tmp_path: Path) -> None:
    """What is loaded is what was checked, though another recipe with other classes lies there by then."""
    line = Line(tmp_path)
    write_recipe(line.recipe, name="keener")

    def load_late(prepared: Prepared, options: Options) -> Loaded:
        model = (line.recipe / "model.onnx").read_bytes() + b"\0"
        write_folder(line.recipe, model, "other", ("scale", "pit"), (HEIGHT, WIDTH))
        return load(prepared, options)

    line.run(load_late)
    assert line.reload() == []
    assert [kind.name for kind in line.loaded.recipe.classes] == ["dark", "bright"]
    assert str(line.loaded.recipe) == "keener@1"


def test_altered_recipe(line: Line) -> None:
    """A recipe whose model is not the one on its card does not replace the running one."""
    before, model = line.loaded, (line.recipe / "model.onnx").read_bytes()
    (line.recipe / "model.onnx").write_bytes(model + b"\0")
    (words,) = line.reload()
    (line.recipe / "model.onnx").write_bytes(model)
    assert line.loaded is before and "sha256" in words


def test_recipe_of_another_size(line: Line) -> None:
    """A recipe for other frames than the cameras send is refused before it is loaded."""
    model = onnx.parser.parse_model(GRAPH.format(h=HEIGHT, w=128, decide=DECIDE)).SerializeToString()
    write_folder(line.recipe, model, "narrow", ("dark", "bright"), (HEIGHT, 128))
    words = line.reload()
    write_recipe(line.recipe, name="keener")
    assert words == [
        f"line3.toml: recipe narrow@1 takes frames of 128 x {HEIGHT} of camera top; "
        f"it sends {WIDTH} x {HEIGHT}. Restart the service to change the frame size."
    ]


def test_recipe_of_other_rows_under_blocks(tmp_path: Path) -> None:
    """Blocks are gathered for the plane that the line started with: a recipe with another number of rows waits."""
    line = Line(tmp_path, f"mm_per_row = 0.5\nheight = {HEIGHT // 4}")
    rows = HEIGHT // 2
    model = onnx.parser.parse_model(GRAPH.format(h=rows, w=WIDTH, decide=DECIDE)).SerializeToString()
    write_folder(line.recipe, model, "low", ("dark", "bright"), (rows, WIDTH))
    assert line.reload() == [
        f"line3.toml: recipe low@1 has {rows} rows, for 2 frames of camera top; 4 frames share a plane now. "
        "Restart the service to change it."
    ]
    write_recipe(line.recipe, name="keener")
    assert line.reload() == []


def test_alarms_alone_load_no_engine(tmp_path: Path) -> None:
    """A changed alarm is in force with the engine that runs; a changed threshold, engine or screen loads another."""
    line = Line(tmp_path)
    running = line.loaded
    line.change('name = "spots"', 'name = "stains"')
    assert line.reload() == []
    assert line.loaded is running and [alarm.name for alarm in line.settings.alarm] == ["stains"]
    loaded = [running]
    for change in (
        lambda: write_recipe(line.recipe, threshold=0.3),
        lambda: line.change("[intake]", "[engine]\nthreads = 1\n[intake]"),
        lambda: screened(line),
        lambda: write_recipe(tmp_path / "fast", name="faster"),
    ):
        change()
        assert line.reload() == []
        assert line.loaded not in loaded
        loaded.append(line.loaded)
    assert line.reload() == [] and line.loaded is loaded[-1]


def test_an_engine_of_the_same_pair_goes_on_with_its_account(tmp_path: Path) -> None:
    """A screen that was found blind is not asked again by the engine that a reload loads; one permitted later is."""
    line = Line(tmp_path)
    screened(line)
    options = Options(accounts=ScreenAccounts())
    screen = load(prepare(line.path), options).screen
    assert screen is not None and load(prepare(line.path), options).screen is screen
    screen.count(held_back=90, passed=10, audited=10, found=0, missed=10)
    card = line.recipe / "recipe.toml"
    card.write_text(card.read_text().replace("below = 0.5", "below = 0.4"))
    permitted = load(prepare(line.path), options).screen
    assert permitted is not None and not permitted.is_blind


def screened(line: Line) -> None:
    """Have a screen look at frames first."""
    model = (write_recipe(line.path.parent / "fast", name="fast") / "model.onnx").read_bytes()
    card = line.recipe / "recipe.toml"
    permit = f'[screen]\nrecipe = "fast@1"\nsha256 = "{hashlib.sha256(model).hexdigest()}"\nbelow = 0.5\n'
    card.write_text(f"{card.read_text()}{permit}defects = 1\nlost = 0\nlost_at_most = 1.0\nheld_back = 1.0\n")
    line.change('path = "recipe"', 'path = "recipe"\nscreen = "fast"')


def test_a_failed_reload_does_not_become_the_standard(line: Line) -> None:
    """After a refused reload the next is compared with what runs, and a good one is taken."""
    line.change("mm_per_px = 0.6", "mm_per_px = 0.7")
    assert len(line.reload()) == 1
    assert len(line.reload()) == 1
    line.change("mm_per_px = 0.7", "mm_per_px = 0.6")
    assert line.reload() == []


def spoil_class(line: Path, recipe: Path) -> None:
    """Watch a class that the recipe does not have."""
    line.write_text(LINE.replace('"dark"', '"drak"'))


def remove_recipe(line: Path, recipe: Path) -> None:
    """Take the recipe's card away."""
    (recipe / "recipe.toml").unlink()


@pytest.mark.parametrize(("spoil", "error"), [(spoil_class, ConfigError), (remove_recipe, RecipeError)])
def test_prepare(tmp_path: Path, spoil: Callable[[Path, Path], None], error: type[InspectorError]) -> None:
    """What a start would fail on is found by reading alone, before anything is opened."""
    (tmp_path / "line3.toml").write_text(LINE)
    write_recipe(tmp_path / "recipe")
    prepare(tmp_path / "line3.toml")
    spoil(tmp_path / "line3.toml", tmp_path / "recipe")
    with pytest.raises(error):
        prepare(tmp_path / "line3.toml")


def test_a_start_that_is_stopped_does_not_warm_up_to_its_end(tmp_path: Path) -> None:
    """`systemctl stop` during a long start waits for one batch size, not for all."""
    line, reported = Line(tmp_path), list[str]()
    options = Options(tell=reported.append, stopped=lambda: len(reported) >= 2)
    with pytest.raises(Stopped):
        load(prepare(line.path), options)
    assert [words.rpartition(": ")[2] for words in reported] == ["batch size 1 of 4", "batch size 2 of 4", ""]
