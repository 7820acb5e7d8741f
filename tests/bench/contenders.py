"""Who is timed on a network: onnxruntime, the golden run, the fault lists, campaigns, and the peers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from accel_sim.engine import Engine
from accel_sim.faults import Fault, Injector, choose_criterion
from accel_sim.inputs import Images
from accel_sim.session import Model
from tests.bench import peers
from tests.bench.process_costs import campaign_seconds
from tests.bench.rounds import Contender, fastest, seconds_of

Image = Mapping[str, NDArray[Any]]
THREADS = (2, 1)
PASSES = 3
"""Repeats of a list of faults."""
PEER_FAULTS = 5
"""A peer costs one whole inference or more for every fault, whichever it is: a few are enough."""


def onnxruntime(model: Model, image: Image, threads: int, signed: bool = False) -> Contender:
    """Onnxruntime as a user would open it: all optimisations; `signed` asks for integer kernels of int8 activations."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    if signed:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = ort.InferenceSession(str(model.path), options, providers=["CPUExecutionProvider"])
    feeds = dict(image)
    return lambda: fastest(lambda: session.run(None, feeds))


def golden(engine: Engine, image: Image) -> Contender:
    """One fault-free inference, all tensors kept, with the threads that the engine takes by default."""
    return lambda: fastest(lambda: engine.run(image))


def injector_of(model: Model, image: Image) -> Injector:
    """Prepare one worker."""
    return Injector(model.engine, [image], choose_criterion(model.graph))


def faults(injector: Injector, some: list[Fault]) -> Contender:
    """Mean over a list, with one worker: run, judged, and undone. As of an inference, the fastest repeat counts."""
    return lambda: fastest(lambda: [injector.evaluate(fault) for fault in some], PASSES) / len(some)


def campaign(model: Model, images: Images, faults: int, workers: int) -> Contender:
    """Seconds per fault of a whole campaign over all parameter bits, results file included."""
    return lambda: campaign_seconds(model, images, faults, workers)


def peer_contenders(widths: tuple[int, ...], image: Image, some: list[Fault]) -> dict[str, Contender]:
    """Return the installed peers on one and two threads; the same faults as ours, the first few of the list."""
    (array,) = image.values()
    found: dict[str, Contender] = {}
    for peer in peers.peers(widths, np.asarray(array, np.float32)):
        for threads in THREADS:
            found[f"{peer.name} {peer.version}, {threads} thread(s)"] = _on(peer, threads, some[:PEER_FAULTS])
    return found


def _on(peer: peers.Peer, threads: int, some: list[Fault]) -> Contender:
    def run() -> float:
        peer.set_threads(threads)
        peer.inject(some[0])  # starts the threads
        return seconds_of(lambda: [peer.inject(fault) for fault in some]) / len(some)

    return run
