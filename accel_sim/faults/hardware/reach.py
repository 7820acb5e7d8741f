"""How far a wrong row or a struck register of one compute instruction reaches: groups of channels and output lines."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig
from accel_sim.faults.hardware.golden import View
from accel_sim.isa import Alu, AluOp, Compute, Conv
from accel_sim.isa.geometry import STORE, Walk, has_parameters, taps_of, walk
from accel_sim.isa.instructions import TWO_OPERANDS
from accel_sim.machine.crop import EMPTY, Part, lines_reading, whole
from accel_sim.machine.memory import BitUpset

Ints = NDArray[np.int64]


def rows_part(i: Compute, memory: str, places: Ints, config: AcceleratorConfig) -> Part:
    """Return the part of an output that depends on rows of a memory.

    Parameters
    ----------
    places
        int64, ``bank * rows + row``.
    """
    if memory == "img":
        return _image(i, places, config)
    if memory == "tab":
        return whole(i) if isinstance(i, Alu) and i.op == AluOp.TABLE else EMPTY
    rows = {
        "wgt": config.weight_rows, "dwt": config.depthwise_rows, "bias": config.bias_rows, "rqp": config.parameter_rows,
    }[memory]  # fmt: skip
    base, each = _constants(i, memory, config)
    if not each:
        return EMPTY
    group = (places % rows - base) // each
    group = group[(group >= 0) & (group < i.out_groups)]
    return Part(int(group.min()), int(group.max()) + 1, 0, i.out_height) if group.size else EMPTY


def _constants(i: Compute, memory: str, config: AcceleratorConfig) -> tuple[int, int]:
    """First row of an instruction's constants in a memory, and rows of a group; (0, 0) where it reads none."""
    if memory in ("bias", "rqp"):
        where = (i.bias_base, config.bias_words) if memory == "bias" else (i.parameter_base, 1)
        return where if has_parameters(i) else (0, 0)
    if memory == "wgt":
        return (i.weight_base, taps_of(i)) if isinstance(i, Conv) else (0, 0)
    depthwise = isinstance(i, Alu) and i.op == AluOp.DEPTHWISE
    return (i.weight_base, taps_of(i)) if depthwise else (0, 0)


def _image(i: Compute, places: Ints, config: AcceleratorConfig) -> Part:
    pixels, rows = config.pixel_parallel, config.image_rows
    pairs = isinstance(i, Alu) and i.op in TWO_OPERANDS
    words = i.in_groups if isinstance(i, Conv) else i.out_groups
    size = (i.out_height, i.out_width) if pairs else (i.in_height, i.in_width)
    found = _under(i, View("img", i.in_base, i.in_pitch_y, i.in_pitch_x, *size, words, pixels), places, rows)
    if isinstance(i, Alu) and pairs:
        one = (1, 1) if i.broadcast else size
        second = View("img", i.second_base, i.second_pitch_y, i.second_pitch_x, *one, words, pixels)
        part = _under(i, second, places, rows)
        if i.broadcast and part.size:
            part = part._replace(top=0, bottom=i.out_height)
        found = found.joined(part)
    return found


def _under(i: Compute, view: View, places: Ints, rows: int) -> Part:
    """Part of the output whose windows hold rows of a view."""
    inside, y, _, word = view.find(places, rows)
    if not inside.any():
        return EMPTY
    y, word = y[inside], word[inside]
    top, bottom = lines_reading(i, int(y.min()))[0], lines_reading(i, int(y.max()))[1]
    if top >= bottom:
        return EMPTY
    low, high = (0, i.out_groups) if isinstance(i, Conv) else (int(word.min()), int(word.max()) + 1)
    return Part(low, high, top, bottom)


class Piece(NamedTuple):
    """A part that an upset inside of an instruction can change, and whether it strikes while the part is made.

    Where it does not, the part is made after it. Of a part that is struck all groups but one are empty.
    """

    part: Part
    struck: bool


def upset_pieces(i: Compute, upset: BitUpset, start: int, config: AcceleratorConfig) -> list[Piece] | None:
    """Return the pieces of an instruction's output that an upset inside of it can change; None for unknown.

    Parameters
    ----------
    start
        Edge at which the instruction starts.
    """
    if upset.memory in ("img", "wgt", "dwt", "bias", "rqp"):
        rows = config.image_rows if upset.memory == "img" else 1
        place = np.array([upset.bank * rows + upset.row], np.int64)
        if upset.memory != "img":
            place = np.array([upset.row], np.int64)
        part = rows_part(i, upset.memory, place, config)
        if upset.memory in ("bias", "rqp"):
            return [Piece(part._replace(low=g, high=g + 1), True) for g in range(part.low, part.high)]
        return _cut(part, walk(i, config), upset.cycle - start)
    if upset.memory == "tab":
        return None
    w = walk(i, config)
    group, rest = divmod(max(0, upset.cycle - start - 1), w.group_cycles)
    if group >= w.groups or (group and rest <= STORE):
        return None  # blocks of the group before may still be under way
    slot = w.taps * w.phases
    last = (rest - w.prelude) // slot
    first = (rest - w.prelude - STORE - 1) // slot
    top, bottom = (min(max(b, 0), w.blocks - 1) // w.across for b in (first, last))
    return [Piece(Part(group, group + 1, top, bottom + 1), True)]


def _cut(part: Part, w: Walk, cycle: int) -> list[Piece]:
    """Cut what depends on a row of operands: made before a flip (left out), while it comes, after it.

    Parameters
    ----------
    cycle
        Of the flip, after the start.
    """
    line_cycles = w.across * w.taps * w.phases
    current = min(max((cycle - 1) // w.group_cycles, part.low), part.high)  # groups before are made before the flip
    found = []
    if current < part.high:
        line = (cycle - w.read_edge(current, 0, 0)) // line_cycles  # below 0: in front of the first one
        top, bottom = max(part.top, line), min(part.bottom, line + 1)
        found.append(Piece(Part(current, current + 1, top, bottom), True))
        found.append(Piece(Part(current, current + 1, max(part.top, line + 1), part.bottom), False))
        found.append(Piece(part._replace(low=current + 1), False))
    return [piece for piece in found if piece.part.size]
