"""Published frame rates of the KV260, and the predictor that any model has to beat."""

import csv
from dataclasses import dataclass
from importlib import resources

from accel_sim.estimate.layer import Topology

ROLES = ("fit", "held_out", "repeat", "older")


@dataclass(frozen=True)
class FrameRate:
    """One measured network: B4096, one core, 300 MHz.

    Parameters
    ----------
    release, zoo_name, source : str
        Vitis AI release, the vendor's name of the model, and the table it stands in.
    network : str
        Name in `onnx_models.zoo` of the same topology.
    role : str
        fit; held_out; repeat (the topology of another row again); older (measured with an older release).
    gop : float
        Published workload in 10^9 operations, two a multiply-accumulate.
    fps_1thread, fps_multithread : float
        With one thread (host and accelerator take turns), and with many (close to the accelerator alone).
    note : str
        What was corrected in the published row.
    """

    release: str
    zoo_name: str
    network: str
    role: str
    gop: float
    fps_1thread: float
    fps_multithread: float
    note: str
    source: str

    @property
    def frame_s(self) -> float:
        """Seconds a frame, many threads."""
        return 1 / self.fps_multithread

    @property
    def host_s(self) -> float:
        """Seconds a frame that one thread takes longer: the host's share."""
        return 1 / self.fps_1thread - 1 / self.fps_multithread


def frame_rates() -> tuple[FrameRate, ...]:
    """Return all rows of ``data/kv260_frame_rates.csv``."""
    text = (resources.files("accel_sim.estimate") / "data" / "kv260_frame_rates.csv").read_text(encoding="utf-8")
    return tuple(
        FrameRate(
            row["vitis_ai_release"],
            row["zoo_name"],
            row["network"],
            row["role"],
            float(row["gop_2ops_per_mac"]),
            float(row["fps_1thread"]),
            float(row["fps_multithread"]),
            row["note"],
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def trivial_seconds(topology: Topology) -> float:
    """Return the time a naive reading of the data sheet gives on B4096 at 300 MHz.

    Per layer the longer of 8x16x16 tiles at 90 % efficiency and all weights and feature maps at 8 GB/s; no overlap
    between layers, no ALU, nothing kept on chip.
    """
    total = 0.0
    for layer in topology.layers:
        cycles = 0.0
        if layer.kind in ("conv", "dense", "depthwise"):
            out = layer.output
            pixels = -(-out.height * out.width // 8)
            cycles = pixels * -(-out.channels // 16) * -(-max(layer.reduction, 1) // 16) * layer.taps / 0.9
        moved = layer.weight_bytes + layer.input_bytes + layer.output.bytes if layer.kind != "host" else 0
        total += max(cycles / 300e6, moved / 8e9)
    return total
