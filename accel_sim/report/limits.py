"""What the numbers do not say: part of every report."""

from collections.abc import Sequence

from accel_sim.report.evidence import Evidence

COVERED = {
    "parameters": (
        "<b>Covered: parameters.</b> The bits of quantised weights, biases and constant operands as they are stored. "
        "A flip stays for all images, as in a memory that is loaded once."
    ),
    "activations": (
        "<b>Covered: activations.</b> The bits of stored 8-bit tensors, each flipped after it is written and before it "
        "is read, in one inference. Tensors that only rename the bytes of another are counted once."
    ),
}
NOT_COVERED = {"parameters": "activation buffers", "activations": "weights and biases"}
ALWAYS_MISSING = (
    "requantisation multipliers, scales and zero points, activation tables, instruction memory, accumulators and "
    "pipeline registers, control logic, the FPGA's configuration memory, and whatever the host computes or keeps"
)
ALWAYS_TRUE = (
    "<b>Rates per flip, not per hour.</b> Every bit counts the same, however long it holds live data and whatever "
    "memory it lies in. How often a device is struck is another question.",
    "<b>One bit at a time.</b> Upsets of several neighbouring bits are not in these numbers.",
    "<b>Bits without a draw are hatched</b> and have no estimate: unknown, not zero. A zero is the estimate where "
    "nothing happened in n draws, and the upper limit says how much could still hide there.",
    "<b>Few draws, wide intervals.</b> The interval of the changed fraction holds whatever the values are "
    "distributed like, and is wide when a cell has few draws. A larger campaign with the same results file keeps "
    "these faults and narrows it.",
)


def limits_section(evidence: Sequence[Evidence]) -> str:
    """Return the list of limits for the fault spaces and confidence levels of a page."""
    spaces = list(dict.fromkeys(e.space for e in evidence))
    missing = [NOT_COVERED[s] for s in spaces if s in NOT_COVERED and len(spaces) == 1]
    levels = " and ".join(dict.fromkeys(f"{100 * e.level:g} %" for e in evidence))
    interval = (
        f"<b>What an interval means.</b> Of many campaigns with other seeds, about {levels} or more would have "
        "intervals that contain the value over the whole fault space. The doubt is that of drawing faults; the images "
        "and the trained model are taken as given, and other images can give other values. Each interval is "
        "for itself: among a hundred of them a few miss."
    )
    covered = [COVERED[s] for s in spaces if s in COVERED]
    items = [*covered, f"<b>Not covered:</b> {', '.join([*missing, ALWAYS_MISSING])}.", interval, *ALWAYS_TRUE]
    return f'<ul class="limits">{"".join(f"<li>{item}</li>" for item in items)}</ul>'
