"""Compiled compute instructions, slot by slot in the order of the clock, with upsets at their cycles."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.machine.arithmetic import bits_of, pair_result, requantised, unpack
from accel_sim.machine.kernels import biases, weight_zero

# Kinds of events. An event is (kind, cycle, bank, row, byte or bit, mask), sorted by kind and cycle.
IMG, WEIGHTS, BIAS, PARAMETERS, TABLE, ACT, WOP, ACC, RQA, RQO = range(10)
KINDS = 10
CONV, DEPTHWISE, SUM, MAX, LOOKUP, ADD, MULTIPLY = -1, 0, 1, 2, 3, 4, 5


@jit
def strike(memory, events, at, kind, edge):
    """Flip bytes of a memory for all events of a kind before an edge; return the next event."""
    while at < events.shape[0] and events[at, 0] == kind and events[at, 1] < edge:
        memory[events[at, 2], events[at, 3], events[at, 4]] ^= np.uint8(events[at, 5])
        at += 1
    return at


@jit
def strike_words(registers, events, at, kind, edge):
    """Flip bits of 32-bit registers, (banks, rows)."""
    while at < events.shape[0] and events[at, 0] == kind and events[at, 1] < edge:
        registers[events[at, 2], events[at, 3]] ^= np.int32(np.uint32(events[at, 5]))
        at += 1
    return at


@jit
def strike_bytes(registers, events, at, kind, edge, loaded):
    """Flip bits of byte registers that have been loaded at edge ``loaded[bank]``; earlier flips are overwritten."""
    while at < events.shape[0] and events[at, 0] == kind and events[at, 1] < edge:
        if events[at, 1] >= loaded[events[at, 2]]:
            registers[events[at, 2], events[at, 3]] ^= np.uint8(events[at, 5])
        at += 1
    return at


@jit
def skip(events, at, kind, edge):
    """Pass over events whose register is overwritten at `edge`."""
    while at < events.shape[0] and events[at, 0] == kind and events[at, 1] < edge:
        at += 1
    return at


@jit
def hold_bytes(registers, stuck, kind):
    """Give the stuck bits of byte registers their values; `stuck` has rows (kind, bank, row, mask, value)."""
    for n in range(stuck.shape[0]):
        if stuck[n, 0] == kind:
            kept = np.int64(registers[stuck[n, 1], stuck[n, 2]]) & ~stuck[n, 3]
            registers[stuck[n, 1], stuck[n, 2]] = np.uint8(kept | stuck[n, 4])


@jit
def hold_words(registers, stuck, kind):
    """Give the stuck bits of 32-bit registers their values."""
    for n in range(stuck.shape[0]):
        if stuck[n, 0] == kind:
            kept = np.int64(np.uint32(registers[stuck[n, 1], stuck[n, 2]])) & ~stuck[n, 3]
            registers[stuck[n, 1], stuck[n, 2]] = np.int32(np.uint32(kept | stuck[n, 4]))


@jit
def _read_words(img, g, events, at, base, pitch_y, pitch_x, iy, x, step, left, group, bounds, tail, edge, act, loaded):
    """Read one word per lane: pixel ``(x + lane) * step + left``; padding is `x_zero`."""
    rows, width = img.shape[1], img.shape[2]
    height, across = bounds
    for phase in range(g.phases):
        at = strike(img, events, at, IMG, edge + phase)
        for lane in range(phase * g.lanes // g.phases, (phase + 1) * g.lanes // g.phases):
            loaded[lane] = edge + phase
            ix = (x + lane) * step + left
            inside = 0 <= iy < height and 0 <= ix < across and x + lane < g.out_width
            if not inside:
                act[lane, :] = g.x_zero
                continue
            line = base + iy * pitch_y + ix // g.pixels * pitch_x + group
            word = img[line // rows * g.pixels + ix % g.pixels, line % rows]
            for j in range(width):
                act[lane, j] = word[j] if j < tail else g.x_zero
    return at


@jit
def _multiply(act, wop, zeros, x_zero, starting, acc):
    """One slot of the array."""
    lanes, channels = acc.shape
    width = act.shape[1]
    for p in range(lanes):
        for c in range(channels):
            total = np.int32(0)
            for j in range(width):
                product = (np.int32(act[p, j]) - x_zero) * (np.int32(np.int8(wop[c, j])) - zeros[c])
                total = np.int32(total + product)
            acc[p, c] = total if starting else np.int32(acc[p, c] + total)


@jit
def _alu(op, act, wop, zeros, x_zero, tap, acc):
    """One slot of the ALU."""
    lanes, channels = acc.shape
    for p in range(lanes):
        for c in range(channels):
            value = np.int32(act[p, c])
            before = acc[p, c] if tap else np.int32(0)
            if op == DEPTHWISE:
                acc[p, c] = np.int32(before + (value - x_zero) * (np.int32(np.int8(wop[0, c])) - zeros[c]))
            elif op == SUM:
                acc[p, c] = np.int32(before + value - x_zero)
            elif op == MAX:
                acc[p, c] = max(before, value)
            elif op == LOOKUP:
                acc[p, c] = value
            else:
                acc[p, c] = before | value << (8 * tap)


@jit
def run(img, weights, bias, rqp, table, acc, g, op, constants, start, events, stuck):
    """Execute one compute instruction from edge `start` on.

    Parameters
    ----------
    img, weights, bias, rqp, table
        uint8, (banks, rows, bytes); `weights` is convolution or depthwise memory.
    acc
        int32, (lanes, channels): the accumulators, kept between instructions.
    g
        The instruction, :class:`accel_sim.machine.kernels.Loops`.
    op
        -1 for CONV, else the ALU operation.
    constants
        float32, (3,).
    events
        int64, (n, 6), see above; what is left of memory and accumulator events strikes at the end.
    stuck
        int64, (n, 5): kind of register, bank, row, mask and value of bits that never change.
    """
    lanes, channels = acc.shape
    width, rows = img.shape[2], img.shape[1]
    act, wop = np.zeros((lanes, width), np.uint8), np.zeros((max(weights.shape[0], 1), width), np.uint8)
    rqa, rqo = np.zeros((lanes, channels), np.int32), np.zeros((lanes, channels), np.uint8)
    fixed, zeros = np.zeros(channels, np.int32), np.zeros(channels, np.int32)
    staged = np.zeros((1, g.prelude, bias.shape[2]), np.uint8)
    entries = np.zeros((channels, rqp.shape[2]), np.uint8)
    loaded, loaded_weights = np.zeros(lanes, np.int64), np.zeros(wop.shape[0], np.int64)
    next_of = np.zeros(KINDS, np.int64)
    for kind in range(KINDS):
        while next_of[kind] < events.shape[0] and events[next_of[kind], 0] < kind:
            next_of[kind] += 1
    has_parameters = g.prelude > 0
    in_bounds, out_bounds = (g.in_height, g.in_width), (g.out_height, g.out_width)
    for o in range(g.out_groups):
        edge = start + 1 + o * g.group_cycles
        if has_parameters:
            for j in range(g.prelude):
                next_of[BIAS] = strike(bias, events, next_of[BIAS], BIAS, edge + j)
                staged[0, j] = bias[0, g.bias_base + o * g.prelude + j]
            biases(staged, 0, channels, fixed)
            next_of[PARAMETERS] = strike(rqp, events, next_of[PARAMETERS], PARAMETERS, edge + g.prelude - 1)
            for c in range(channels):
                entries[c] = rqp[c, g.parameter_base + o]
                zeros[c] = weight_zero(entries[c])
        for block in range(g.out_height * g.across):
            y, x = block // g.across, block % g.across * g.lanes
            read = start + 1 + o * g.group_cycles + g.prelude + block * g.taps * g.phases
            for tap in range(g.taps):
                if op == CONV or op < ADD:
                    inner = g.in_groups if op == CONV else 1
                    window, group = tap // inner, tap % inner if op == CONV else o
                    iy = y * g.stride_y - g.pad_top + window // g.kernel_x * g.dilation_y
                    left = window % g.kernel_x * g.dilation_x - g.pad_left
                    tail = g.tail if op == CONV and group == g.in_groups - 1 else width
                    next_of[IMG] = _read_words(
                        img, g, events, next_of[IMG], g.in_base, g.in_pitch_y, g.in_pitch_x, iy, x, g.stride_x, left,
                        group, in_bounds, tail, read, act, loaded,
                    )  # fmt: skip
                elif tap == 0 or not g.broadcast:
                    base, pitch_y, pitch_x = g.in_base, g.in_pitch_y, g.in_pitch_x
                    if tap:
                        base, pitch_y, pitch_x = g.second_base, g.second_pitch_y, g.second_pitch_x
                    next_of[IMG] = _read_words(
                        img, g, events, next_of[IMG], base, pitch_y, pitch_x, y, x, 1, 0, o, out_bounds, width, read,
                        act, loaded,
                    )  # fmt: skip
                else:
                    next_of[IMG] = strike(img, events, next_of[IMG], IMG, read)
                    line = g.second_base + o
                    for lane in range(lanes):
                        loaded[lane] = read
                        act[lane] = img[line // rows * g.pixels, line % rows]
                if op <= DEPTHWISE:
                    next_of[WEIGHTS] = strike(weights, events, next_of[WEIGHTS], WEIGHTS, read)
                    for c in range(wop.shape[0]):
                        loaded_weights[c] = read
                        wop[c] = weights[c, g.weight_base + o * g.taps + tap]
                    next_of[WOP] = skip(events, next_of[WOP], WOP, read)
                summing = read + g.phases
                next_of[ACT] = strike_bytes(act, events, next_of[ACT], ACT, summing, loaded)
                next_of[WOP] = strike_bytes(wop, events, next_of[WOP], WOP, summing, loaded_weights)
                next_of[ACC] = strike_words(acc, events, next_of[ACC], ACC, summing)
                hold_bytes(act, stuck, ACT)
                hold_bytes(wop, stuck, WOP)
                hold_words(acc, stuck, ACC)
                if op == CONV:
                    _multiply(act, wop, zeros, g.x_zero, g.first and tap == 0, acc)
                else:
                    _alu(op, act, wop, zeros, g.x_zero, tap, acc)
                hold_words(acc, stuck, ACC)
                read += g.phases
            if not g.last:
                continue
            # `read` is now one edge past the last operand read: the edge of the last sum.
            next_of[ACC] = strike_words(acc, events, next_of[ACC], ACC, read + 1)
            hold_words(acc, stuck, ACC)
            for p in range(lanes):
                for c in range(channels):
                    total = np.int64(acc[p, c])
                    rqa[p, c] = np.int32((total << g.shift) + fixed[c]) if has_parameters else acc[p, c]
            next_of[RQA] = skip(events, next_of[RQA], RQA, read + 1)
            next_of[RQA] = strike_words(rqa, events, next_of[RQA], RQA, read + 2)
            hold_words(rqa, stuck, RQA)
            next_of[TABLE] = strike(table, events, next_of[TABLE], TABLE, read + 2)
            for p in range(lanes):
                for c in range(channels):
                    if has_parameters:
                        word, exponent = unpack(entries[c])
                        rqo[p, c] = requantised(rqa[p, c], word, bits_of(word), exponent, g.mode, g.zero, g.low, g.high)
                    elif op == LOOKUP:
                        rqo[p, c] = table[p * width + c, 256 * g.weight_base + (rqa[p, c] & 255), 0]
                    elif op == MAX:
                        rqo[p, c] = np.uint8(rqa[p, c])
                    else:
                        rqo[p, c] = pair_result(
                            rqa[p, c], op, constants, g.x_zero, g.second_zero, g.mode, g.zero, g.low, g.high
                        )
            next_of[RQO] = skip(events, next_of[RQO], RQO, read + 2)
            loaded[:] = read + 2
            next_of[RQO] = strike_bytes(rqo, events, next_of[RQO], RQO, read + 3, loaded)
            hold_bytes(rqo, stuck, RQO)
            for p in range(min(lanes, g.out_width - x)):
                line = g.out_base + y * g.out_pitch_y + (x + p) // g.pixels * g.out_pitch_x + o
                target = img[line // rows * g.pixels + (x + p) % g.pixels, line % rows]
                for c in range(channels):
                    target[c] = rqo[p, c]
    last = np.int64(1) << 62
    strike(img, events, next_of[IMG], IMG, last)
    strike(weights, events, next_of[WEIGHTS], WEIGHTS, last)
    strike(bias, events, next_of[BIAS], BIAS, last)
    strike(rqp, events, next_of[PARAMETERS], PARAMETERS, last)
    strike(table, events, next_of[TABLE], TABLE, last)
    strike_words(acc, events, next_of[ACC], ACC, last)
