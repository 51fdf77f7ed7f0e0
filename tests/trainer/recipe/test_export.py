import shutil
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from inspector import recipe
from inspector.engines.openvino import OpenVino, compile_graph, core
from inspector.records.confidence import encode, probabilities
from inspector.records.recipe import Certainty, Recipe, Screen
from tests.recipes import write_recipe as write_foreign
from tests.trainer.data.test_split import Named
from tests.trainer.frames import HEIGHT, WIDTH, draw_frame, tiny_settings
from trainer import __main__
from trainer.data.samples import CLASS_NAMES
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.unet import UNet, load_encoder
from trainer.recipe import evaluate
from trainer.recipe.export import choose_classes, choose_measured, write_recipe
from trainer.recipe.graph import PixelDecision, with_weights, write_onnx
from trainer.recipe.held_out import load_network
from trainer.recipe.quantize import quantise
from trainer.recipe.standing import replaced, standing
from trainer.settings import EFFICIENTNET

FRAMES = np.stack([draw_frame(number)[0] for number in range(100, 116)])


def by_torch(run: Path, thresholds: list[float]) -> tuple[np.ndarray, ...]:
    """What the network and the recipe's rule say of squares of 2 x 2 px, computed in torch and numpy."""
    unet, _ = load_network(run)
    with torch.inference_mode():
        found = unet.halved(torch.from_numpy(FRAMES)[:, None].float()).softmax(1)[:, 1:].numpy()
    reached = np.where(found >= np.array(thresholds)[:, None, None], found, 0)
    labels = np.where(reached.max(1) > 0, 1 + reached.argmax(1), 0)
    planes = [plane.repeat(2, 1).repeat(2, 2) for plane in (labels, encode(reached.max(1), "log_odds"))]
    return *planes, found.max((2, 3))


@pytest.mark.parametrize("thresholds", [[0.5, 0.4, 0.5, 0.5], [0.05, 0.1, 0.2, 0.9]])
def test_the_graph_says_what_the_network_says(
    run: tuple[Path, Card], recipes: dict[str, Path], thresholds: list[float]
) -> None:
    """The fp32 recipe on the daemon's engine labels 99.9 % of the pixels as torch does, at any thresholds."""
    card, model = recipe.load(recipes["fp32"])
    classes = choose_classes(CLASS_NAMES, dict(zip(CLASS_NAMES, thresholds, strict=True)), {})
    # Left to itself OpenVINO computes in bf16 where the CPU can; the graph is compared in its own precision.
    engine = OpenVino(msgspec.structs.replace(card, classes=classes), model, precision="f32")
    engine.submit(FRAMES)
    maps = engine.result()
    labels, confidence, presence = by_torch(run[0], thresholds)
    assert (maps.labels == labels).mean() >= 0.999
    assert (np.abs(maps.confidence.astype(float) - confidence) <= 2).mean() >= 0.999
    assert np.allclose(maps.presence, presence, atol=0.02)
    assert labels.any()


@pytest.mark.parametrize(("downscale", "height_px", "width_px"), [(1, 33, 70), (2, 100, 65), (4, 128, 128)])
def test_a_frame_of_any_size_is_decided_in_squares(
    downscale: int, height_px: int, width_px: int, tmp_path: Path
) -> None:
    """Labels have the frame's size, each square of 2 x 2 px one label, the class that is most probable there."""
    torch.manual_seed(0)
    unet = UNet("resnet18", 2, (32, 16, 16, 16), downscale=downscale).eval()
    frames = torch.randint(0, 256, (2, height_px, width_px), dtype=torch.uint8)
    with torch.inference_mode():
        found = unet.halved(frames[:, None].float()).softmax(1)[:, 1:].numpy()
    least = float(np.median(found.max(1)))
    whole = np.where(found.max(1) >= least, 1 + found.argmax(1), 0).repeat(2, 1).repeat(2, 2)
    write_onnx(unet, 2, height_px, width_px, tmp_path / "model.onnx")
    inputs = {"frames": frames.numpy(), "thresholds": np.full(2, least, np.float32)}
    labels, confidence, _ = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, inputs)
    assert labels.shape == confidence.shape == frames.shape and labels.any() and not labels.all()
    assert (labels == whole[:, :height_px, :width_px]).mean() > 0.99


def test_a_graph_with_another_network_s_weights_is_that_network_s(recipes: dict[str, Path], tmp_path: Path) -> None:
    """Byte for byte, also where grey levels are others; a weight that the graph lacks is not lost in silence."""
    torch.manual_seed(1)
    unet = UNet("resnet18", 4, (32, 16, 16, 16), mean=70.0, std=30.0).eval()
    card, model = recipe.load(recipes["fp32"])
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    lacking = onnx.load_model_from_string(model)
    lacking.graph.initializer.pop(0)
    assert with_weights(lacking.SerializeToString(), unet, 4) is None
    exchanged = with_weights(model, unet, 4)
    write_onnx(unet, 4, card.height, card.width, tmp_path / "other.onnx")
    assert exchanged == (tmp_path / "other.onnx").read_bytes() != model


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_recipe_runs_on_both_engines_with_exactly_the_contract(recipes: dict[str, Path], precision: str) -> None:
    """OpenVINO and ONNX Runtime load it; inputs, outputs, types and shapes are DESIGN.md's, the batch is free."""
    path = recipes[precision] / "model.onnx"
    session = onnxruntime.InferenceSession(path)
    assert [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()] == [
        ("frames", "tensor(uint8)", [HEIGHT, WIDTH]),
        ("thresholds", "tensor(float)", []),
    ]
    assert [(o.name, o.type, o.shape[1:]) for o in session.get_outputs()] == [
        ("labels", "tensor(uint8)", [HEIGHT, WIDTH]),
        ("confidence", "tensor(uint8)", [HEIGHT, WIDTH]),
        ("presence", "tensor(float)", [4]),
    ]
    thresholds = np.full(4, 0.5, np.float32)
    compiled = compile_graph(core().read_model(path))
    for count in (1, 3):
        inputs = {"frames": FRAMES[:count], "thresholds": thresholds}
        labels, confidence, presence = session.run(None, inputs)
        result = compiled(inputs)
        assert (labels == result["labels"]).mean() > 0.995
        assert ((labels > 0) == (confidence > 0)).all()
        assert labels.shape == (count, HEIGHT, WIDTH) and presence.shape == (count, 4)


def test_the_graph_is_lean_and_fit_for_tensorrt(recipes: dict[str, Path]) -> None:
    """Bytes meet Cast first, floats Clip before they are bytes; norms are folded, joins split, no weight is twice."""
    graph = onnx.load(recipes["fp32"] / "model.onnx").graph
    producers = {name: node for node in graph.node for name in node.output}
    assert [node.op_type for node in graph.node if "frames" in node.input] == ["Cast"]
    for name in ("labels", "confidence"):
        casts, tensor = [producers[name].op_type], producers[name].input[0]
        while producers[tensor].op_type == "Gather":
            tensor = producers[tensor].input[0]
        assert [*casts, producers[tensor].op_type] == ["Cast", "Clip"]
    kinds = Counter(node.op_type for node in graph.node)
    assert not kinds.keys() & {"BatchNormalization", "Concat", "Identity", "Constant", "Shape", "ArgMax", "TopK"}
    weights = [w.SerializeToString() for w in graph.initializer if w.dims and len(w.dims) == 4]
    assert len(weights) == kinds["Conv"]
    used = {name for node in graph.node for name in node.input}
    assert {w.name for w in graph.initializer} <= used
    assert not any(node.metadata_props for node in graph.node)


def test_int8_is_explicit_and_symmetric(recipes: dict[str, Path]) -> None:
    """Zero points are int8 zeros, biases stay float, and only the first and the last convolution keep float weights."""
    model = onnx.load(recipes["int8"] / "model.onnx")
    initial = {w.name: onnx.numpy_helper.to_array(w) for w in model.graph.initializer}
    quantisers = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    zeros = [initial[node.input[2]] for node in quantisers]
    assert zeros and all(zero.dtype == np.int8 and not zero.any() for zero in zeros)
    kernels = {name: value for name, value in initial.items() if value.ndim == 4}
    assert sum(value.dtype == np.float32 for value in kernels.values()) == 2
    assert not any(value.dtype == np.int32 for value in initial.values())
    size = {p: (recipes[p] / "model.onnx").stat().st_size for p in recipes}
    assert size["int8"] < 0.3 * size["fp32"]


def test_the_card_is_what_the_inspector_reads(recipes: dict[str, Path]) -> None:
    """recipe.toml passes the inspector's strict reading, with the classes asked for and scores named by convention."""
    card, _ = recipe.load(recipes["int8"])
    assert (str(card), card.precision, card.height, card.width) == ("tiny@1", "int8", HEIGHT, WIDTH)
    assert card.trained_on == 'rectangles, "obvious" ones'
    assert len(card.calibrated_on) == 8 and not recipe.load(recipes["fp32"])[0].calibrated_on
    assert [(k.id, k.name, k.threshold, k.min_area_mm2) for k in card.classes][:2] == [
        (1, "pitted", 0.5, 20.0),
        (2, "crack", 0.4, 5.0),
    ]
    assert {"validation_dice_kaggle", "validation_dice_micro_1", "validation_frames"} < card.scores.keys()


@pytest.mark.slow
def test_int8_takes_its_ranges_from_the_frames_that_are_named(
    run: tuple[Path, Card], mask_folder: Path, tmp_path: Path
) -> None:
    """`--calibrate` names the frames, and the recipe says which of them it were."""
    mine = shutil.copytree(mask_folder, tmp_path / "mine")
    asked = ["export", str(run[0]), "--out", str(tmp_path / "recipe"), "--calibrate", str(mine)]
    assert __main__.main([*asked, "--calibration-frames", "3", "--score-frames", "2"]) == 0
    card, _ = recipe.load(tmp_path / "recipe")
    assert len(card.calibrated_on) == 3 and all(name.startswith("mine/") for name in card.calibrated_on)


def test_a_part_of_the_validation_frames_has_all_kinds() -> None:
    """Frames whose names begin with their class would be of the first class alone; how many of how many is printed."""
    frames = Named([frozenset({1 + number // 240}) for number in range(720)])
    chosen, words = choose_measured(Named([]), frames, 200, 0)
    assert sorted(Counter(min(chosen.classes(i) or ()) for i in range(200)).values()) == [66, 67, 67]
    assert "measured on 200 of 720 validation frames" in words
    chosen, words = choose_measured(frames, Named([]), 720, 0)
    assert list(chosen.indices) == list(range(720)) and not words


def test_equal_probabilities_go_to_the_first_class() -> None:
    """Ties fall as ArgMax would have them fall, and nothing is found where nothing reaches its threshold."""

    logits = torch.tensor([0.0, 1.0, 3.0, 3.0]).log()[None, :, None, None]
    decide = PixelDecision(3, 1, 2)
    labels, confidence, _ = decide(logits, torch.tensor([0.1, 0.4, 0.4]))
    assert labels.tolist() == [[[2, 2]]] and confidence.tolist() == [[[59, 59]]]
    labels, confidence, presence = decide(logits, torch.tensor([0.5, 0.5, 0.5]))
    assert not labels.any() and not confidence.any()
    assert presence.tolist()[0] == pytest.approx([1 / 7, 3 / 7, 3 / 7])


def test_evaluate_prints_every_convention(
    recipes: dict[str, Path], mask_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command measures a recipe on a folder and names each figure's convention."""
    assert __main__.main(["evaluate", str(recipes["int8"]), str(mask_folder)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("40 frames")
    assert all(name in printed for name in [*evaluate.NAMES, "micro, 2 crack"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fit", "--out", "run"], "trainer fit: no DATA; expected"),
        (["fit", "nowhere", "--out", "run", "--start", "a.pt", "--encoder", "resnet18"], "stands next to --start"),
        (["fit", "nowhere", "--out", "run"], "there is no such file or folder"),
        (["fit", "--resume", "--out", "nowhere"], "nowhere/last.pt: no such file"),
        (["export", "nowhere", "--out", "run"], "nowhere/best.pt: no such file"),
        (["evaluate", "nowhere", "sheet:1:1"], "no recipe.toml in nowhere, nor is a recipe of that name shipped"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No traceback for what a person can put right."""
    monkeypatch.chdir(tmp_path)
    assert __main__.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def worked_on(card: Recipe) -> Recipe:
    """The card as all the commands leave it that come after the export."""
    certain = Certainty(constant=-6.0, log_odds=1.0, log_area=0.8, log_length=-0.3)
    kinds = tuple(msgspec.structs.replace(kind, min_confidence=0.9, certainty=certain) for kind in card.classes)
    screen = Screen(recipe="fast@1", sha256="0" * 64, below=0.1, defects=1, lost=0, lost_at_most=0.95, held_back=0.5)
    scores: dict[str, float | int | str] = {"frame_promise": "dark: recall >= 0.93"}
    return msgspec.structs.replace(card, classes=kinds, screen=screen, scores=scores)


@pytest.mark.parametrize("command", ["export", "fit-screen"])
def test_what_other_commands_gave_a_recipe_is_not_lost_in_silence(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each thing is named, with the two ways out, and not a byte of the folder changes."""
    run, folder = tmp_path / "run", write_foreign(tmp_path / "recipe")
    unet = UNet("resnet18", 4, (32, 16, 16, 16))
    run.mkdir()
    checkpoint.save(run / "best.pt", Card(tiny_settings(run), 100.0, 30.0, (0.2,) * 4), unet.state_dict())
    write_recipe(folder, (folder / "model.onnx").read_bytes(), msgspec.to_builtins(worked_on(recipe.read_card(folder))))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    source = str(run) if command == "export" else "sheet:1:1"
    assert __main__.main([command, source, "--out", str(folder)]) == 2
    printed = capsys.readouterr().err
    assert f"trainer {command}: {folder}: stands there already, tiny@1 with settings or figures of tune" in printed
    assert all(words in printed for words in ("tune-certainty", "tune-screen", "another folder (--out), or --replace"))
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_recipe_that_is_replaced_says_what_it_lost(tmp_path: Path) -> None:
    """By --replace, or where nothing but an export made it; a model under the name of another is named too."""
    folder = write_foreign(tmp_path / "recipe")
    plain = recipe.read_card(folder)
    assert standing(folder, replace=False) == plain and standing(tmp_path, replace=False) is None
    other = msgspec.structs.replace(plain, sha256="1" * 64)
    assert replaced(plain, plain) == replaced(None, plain) == []
    assert replaced(plain, msgspec.structs.replace(other, version="2")) == []
    (same,) = replaced(plain, other)
    assert "tiny@1 was another model until now" in same
    specified = msgspec.structs.replace(plain, measures_distance=True)
    assert replaced(specified, plain) == ["warning: tiny@1 before it had distance of specify; it has none of that"]
    (folder / "recipe.toml").write_text("cut off")
    assert standing(folder, replace=False) is None


@pytest.mark.slow
def test_int8_of_the_fast_encoder_agrees_on_every_engine(tmp_path: Path) -> None:
    """EfficientNet-Lite0 in INT8 gives, on OpenVINO and ONNX Runtime, nearly fp32's probabilities."""
    torch.manual_seed(0)
    unet = UNet(EFFICIENTNET)
    load_encoder(unet, EFFICIENTNET, "imagenet")
    fp32, int8 = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    write_onnx(unet, 4, HEIGHT, WIDTH, fp32)
    quantise(fp32, iter(FRAMES), 4, int8)
    inputs = {"frames": FRAMES, "thresholds": np.zeros(4, np.float32)}
    levels = 255 * probabilities("log_odds")
    exact = levels[onnxruntime.InferenceSession(fp32).run(["confidence"], inputs)[0]]
    by_onnx = onnxruntime.InferenceSession(int8).run(["confidence"], inputs)[0]
    by_openvino = compile_graph(core().read_model(int8))(inputs)["confidence"]
    assert exact.std() > 5  # levels of 255: there is something to get wrong
    for found in (by_onnx, by_openvino):
        assert np.abs(levels[found] - exact).mean() < 0.15 * exact.std()


def test_a_recipe_in_float32_runs_in_float32(recipes: dict[str, Path]) -> None:
    """As its card says; OpenVINO left to itself computes in bfloat16 where the processor has it."""
    card, model = recipe.load(recipes["fp32"])
    frames = np.stack([draw_frame(number)[0] for number in range(8)])
    found = []
    for precision in (None, "f32"):
        engine = OpenVino(card, model, precision=precision)
        engine.submit(frames)
        found.append(engine.result().presence)
    assert np.array_equal(found[0], found[1])
