"""Multiply-adds of ONNX models, counted from the shapes of their convolutions and matrix products: FILE…

For one picture. Everything else (activations, sums of branches, reshapes) is left out: memory bounds it, and it is small beside these.
"""

import math
import sys
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def with_batch_one(model):
    """The model with every free size of its inputs as 1, so that all shapes follow."""
    for tensor in model.graph.input:
        for size in tensor.type.tensor_type.shape.dim:
            if size.dim_value < 1:
                size.Clear()
                size.dim_value = 1
    return shape_inference.infer_shapes(model, data_prop=True)


def shapes_of(graph):
    named = [*graph.input, *graph.output, *graph.value_info]
    shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in named}
    shapes.update({weights.name: list(numpy_helper.to_array(weights).shape) for weights in graph.initializer})
    for node in graph.node:
        if node.op_type == "Constant":
            shapes[node.output[0]] = [size for kept in node.attribute if kept.name == "value" for size in kept.t.dims]
    return shapes


def multiply_adds(node, shapes, weights):
    """Of one node: numbers that it makes, times the products that go into each."""
    inputs = [shapes.get(name) for name in node.input[:2]]
    output = shapes.get(node.output[0])
    if node.op_type in ("Gemm", "MatMul") and node.input[1] in weights:
        # After a reshape to a size that is computed the shape is unknown: one row a picture.
        return math.prod(output[:-1] if output else [1]) * math.prod(inputs[1])
    if not output or not all(size > 0 for size in output):
        sys.exit(f"{node.op_type} {node.name}: its shape is unknown")
    if node.op_type == "Conv":
        return math.prod(output) * math.prod(inputs[1][1:])
    if node.op_type == "ConvTranspose":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    return math.prod(output) * inputs[0][-1]


def main():
    print("| model | products | million multiply-adds |\n|---|---|---|")
    for path in map(Path, sys.argv[1:]):
        graph = with_batch_one(onnx.load(path)).graph
        shapes = shapes_of(graph)
        weights = {kept.name for kept in graph.initializer}
        counted = [multiply_adds(node, shapes, weights) for node in graph.node if node.op_type in PRODUCTS]
        print(f"| {path.stem} | {len(counted)} | {sum(counted) / 1e6:.1f} |")


main()
