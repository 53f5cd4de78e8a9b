"""Inspectors: what each form is asked, what it says, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flawforge.core.errors import RunBrokenError, SettingError
from flawforge.studies.detection.inspectors import FunctionInspector, NetworkInspector, open_inspector, trained_on

IMAGES = [np.full((8, 10), level, np.uint8) for level in (10, 120, 250)]
SCRIPT = """
import struct, sys, zlib
from pathlib import Path
with open(sys.argv[2], "w") as table:
    print("file,score", file=table)
    for file in sorted(Path(sys.argv[1]).iterdir()):
        data = file.read_bytes()
        at = data.index(b"IDAT")
        pixels = zlib.decompress(data[at + 4 : at + 4 + struct.unpack(">I", data[at - 4 : at])[0]])
        print(f"{file.name},{pixels[1] / 255}", file=table)
"""


class Told(NetworkInspector):
    """A network that says what it is told."""

    said: list[list[float]]

    def probabilities(self, images: Any, white: int) -> Any:
        return np.array(self.said, np.float32)


def card(task: str, classes: list[str], good: str | None) -> Any:
    return SimpleNamespace(task=task, classes=classes, good=good, trained_on=["ab" * 8])


@pytest.mark.parametrize(
    ("told", "threshold", "scores", "calls"),
    [
        (card("good", ["good", "defective"], "ok"), None, [0.3, 0.6], [False, True]),
        (card("good", ["good", "defective"], "ok"), 0.2, [0.3, 0.6], [True, True]),
        (None, None, [0.3, 0.6], [False, True]),
    ],
)
def test_good_or_defective(told: Any, threshold: float | None, scores: list[float], calls: list[bool]) -> None:
    network = Told("m", "a model", told, threshold)
    network.said = [[0.7, 0.3], [0.4, 0.6]]
    found = network.ask(IMAGES[:2], 255, "dent")
    assert found.scores == pytest.approx(scores)
    assert found.calls.tolist() == calls
    assert network.judges_good


def test_of_several_classes_anything_but_good_counts_and_without_good_the_right_one() -> None:
    network = Told("m", "a model", card("type", ["dent", "ok", "scar"], "ok"), None)
    network.said = [[0.3, 0.4, 0.3], [0.1, 0.4, 0.5]]
    found = network.ask(IMAGES[:2], 255, "dent")
    assert found.calls.tolist() == [False, True]
    assert found.scores == pytest.approx([0.6, 0.6])
    assert trained_on(network, "ab" * 32)
    assert not trained_on(network, "ac" * 32)

    bare = Told("m", "a model", card("type", ["dent", "hole", "scar"], "ok"), None)
    bare.said = network.said
    assert bare.ask(IMAGES[:2], 255, "scar").calls.tolist() == [False, True]
    assert bare.ask(IMAGES[:2], 255, "dent").calls.tolist() == [False, False]
    assert not bare.judges_good
    assert not bare.knows("crack")


def test_a_function_is_given_eight_bits_and_its_answers_are_checked() -> None:
    seen: list[Any] = []

    def level(images: list[np.ndarray]) -> list[float]:
        seen.extend(images)
        return [float(image.mean()) / 255 for image in images]

    deep = [(image.astype(np.uint16) * 16) for image in IMAGES]
    found = open_inspector(level, None).ask(deep, 4080, "")
    assert found.calls.tolist() == [False, False, True]
    assert [image.dtype for image in seen] == [np.uint8] * 3
    assert [int(image[0, 0]) for image in seen] == [10, 120, 250]
    for wrong, words in (
        (lambda images: [0.1], "1 answers for 3 images"),
        (lambda images: [float("nan")] * 3, "no number"),
        (lambda images: "defect", "answers that are no numbers"),
        (lambda images: 1 / 0, "ZeroDivisionError"),
        (lambda images: [0.2, 7.5, 31], "scores from 0.2 to 31; it gives a probability of a defect, 0 to 1"),
    ):
        with pytest.raises(SettingError, match=words):
            FunctionInspector("wrong", wrong, None).ask(IMAGES, 255, "")


def test_a_command_reads_a_folder_and_writes_a_table(tmp_path: Path) -> None:
    script = tmp_path / "look.py"
    script.write_text(SCRIPT)
    command = f"{sys.executable} -S {script} {{images}} {{csv}}"
    found = open_inspector(command, 0.3).ask(IMAGES, 255, "")
    assert found.scores == pytest.approx([10 / 255, 120 / 255, 250 / 255])
    assert found.calls.tolist() == [False, True, True]
    for body, words in (
        ("raise SystemExit('no licence')", "ended with exit code 1: no licence"),
        ("pass", "did not write the file"),
        ("import sys; open(sys.argv[2], 'w').write('file,score\\n00000.png,0.5\\n')", "no number for 2 of 3 images"),
        ("import sys; open(sys.argv[2], 'w').write('a,b\\n1,2\\n')", "without the columns"),
    ):
        script.write_text(body)
        with pytest.raises(SettingError, match=words):
            open_inspector(command, None).ask(IMAGES, 255, "")
    with pytest.raises(SettingError, match="cannot be started"):
        open_inspector("no-such-program {images} {csv}", None).ask(IMAGES, 255, "")


def test_any_onnx_file_is_asked_at_its_own_size(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto
    given = helper.make_tensor_value_info("x", kind.UINT8, ["N", 3, 4, 6])
    gives = helper.make_tensor_value_info("y", kind.FLOAT, ["N", 1])
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=kind.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Div", ["m", "w"], ["d"]),
        helper.make_node("Reshape", ["d", "s"], ["y"]),
    ]
    constants = [helper.make_tensor("w", kind.FLOAT, [1], [255.0]), helper.make_tensor("s", kind.INT64, [2], [-1, 1])]
    graph = helper.make_graph(nodes, "g", [given], [gives], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file = tmp_path / "any.onnx"
    file.write_bytes(model.SerializeToString())
    found = open_inspector(file, None).ask(IMAGES, 255, "")
    assert found.scores == pytest.approx([10 / 255, 120 / 255, 250 / 255], abs=1e-5)
    assert found.calls.tolist() == [False, False, True]
    file.write_bytes(b"nothing")
    with pytest.raises(RunBrokenError, match="is no ONNX file"):
        open_inspector(file, None)
