"""Files whose nodes are out of order, as some quantisers write them."""

import numpy as np
import onnx

from accel_sim.model import import_onnx
from tests.conformance.test_other_arithmetics import network


def test_nodes_in_any_order_give_the_same_graph() -> None:
    model, _ = network((2.0**-5, 2.0**-7, 2.0**-6, 2.0**-4), np.zeros(6, np.int8), 0)
    shuffled = onnx.ModelProto()
    shuffled.CopyFrom(model)
    nodes = [model.graph.node[i] for i in np.random.default_rng(1).permutation(len(model.graph.node))]
    del shuffled.graph.node[:]
    shuffled.graph.node.extend(nodes)
    assert [n.op_type for n in shuffled.graph.node] != [n.op_type for n in model.graph.node]
    assert import_onnx(shuffled).digest == import_onnx(model).digest
