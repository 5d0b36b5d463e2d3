"""The test cases that the package onnx ships, as far as one is a model of a single operator.

Four suites: "node", which onnx makes as it is loaded, from fixed seeds; and three folders of models
with their data. Nothing is fetched.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SUITES = ("node", "pytorch-converted", "pytorch-operator", "simple")
Arrays = list[np.ndarray | None]


@dataclass(frozen=True)
class Node:
    """One operator with its attributes, as plain Python values."""

    operator: str
    version: int  # of ONNX's operators
    attributes: dict[str, Any]
    outputs: int  # how many of them the model asks for

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or what ONNX says it is where it is left out."""
        return self.attributes.get(name, default)


@dataclass(frozen=True)
class Case:
    """A model with what goes in and what should come out."""

    name: str
    operators: tuple[str, ...]
    node: Node  # the first one; of a case that is tested, the only one
    inputs: Arrays  # in the operator's order; None for one that is left out
    outputs: Arrays
    rtol: float
    atol: float

    def __repr__(self) -> str:
        return self.name


@cache
def load() -> list[Case]:
    """Every case of every suite, in the order of their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx makes infinities and NaN on purpose as it loads
        from onnx.backend.test.loader import load_model_tests

        found = [case for suite in SUITES for case in load_model_tests(kind=suite)]
    return sorted(map(_read, found), key=lambda case: case.name)


def _read(case: Any) -> Case:
    import onnx

    folder = Path(case.model_dir) if case.model_dir else None
    model = case.model or onnx.load(folder / "model.onnx")
    graph, version = model.graph, model.opset_import[0].version
    data = [_arrays(folder, way) for way in ("input", "output")] if folder else case.data_sets[0]
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    fed = [each.name for each in graph.input if each.name not in constants]
    values = constants | dict(zip(fed, data[0], strict=False))
    node = graph.node[0] if graph.node else onnx.NodeProto()
    attributes = {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in node.attribute}
    return Case(
        case.name,
        tuple(each.op_type for each in graph.node),
        Node(node.op_type, version, attributes, len(node.output)),
        [values.get(name) for name in node.input],
        [*data[1]],
        case.rtol,
        case.atol,
    )


def _arrays(folder: Path, way: str) -> Arrays:
    """The inputs or the outputs of a case that is kept in files."""
    import onnx

    paths = sorted(
        (folder / "test_data_set_0").glob(f"{way}_*.pb"), key=lambda p: int(p.stem.split("_")[1])
    )
    tensors = [onnx.TensorProto.FromString(path.read_bytes()) for path in paths]
    return [onnx.numpy_helper.to_array(each) for each in tensors if each.dims or each.data_type]


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
