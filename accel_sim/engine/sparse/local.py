"""Changed codes through nodes whose outputs depend on few inputs: tables, pools, joins and moves."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.requant import ROUNDER
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.scatter import channel_code, record


@jit
def lookup(state, number):
    """One table for every code."""
    node, tensors, work = state[F.NODES][number], state[F.TENSORS], state[F.WORK]
    source, target, table = node[F.IN], node[F.OUT], node[F.TABLE]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    offset = tensors[source, F.OFFSET]
    for i in range(counts[source]):
        position = np.int64(changes[offset + i])
        found = record(golden, work, changes, found, out, position, state[F.TABLES][table + work[offset + position]])
    counts[target] = found


@jit
def pair(state, number):
    """One table for every pair of codes at the same position."""
    node, tensors, work = state[F.NODES][number], state[F.TENSORS], state[F.WORK]
    target, table = node[F.OUT], node[F.TABLE]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    first, second = tensors[node[F.IN], F.OFFSET], tensors[node[F.IN2], F.OFFSET]
    sides = 1 if node[F.IN] == node[F.IN2] else 2
    for side in range(sides):
        source = node[F.IN] if side == 0 else node[F.IN2]
        offset = tensors[source, F.OFFSET]
        for i in range(counts[source]):
            position = np.int64(changes[offset + i])
            entry = np.int64(work[first + position]) * 256 + np.int64(work[second + position])
            found = record(golden, work, changes, found, out, position, state[F.TABLES][table + entry])
    counts[target] = found


@jit
def window_reach(position, stride, before, dilation, kernel, extent):
    """First and last output position whose window may hold an input position (dilation is checked by the caller)."""
    last = min((position + before) // stride, extent - 1)
    reach = (kernel - 1) * dilation
    first = max(-((-(position + before - reach)) // stride), 0)
    return first, last


@jit
def max_pool(state, number):
    """Largest code of every window that holds a changed one."""
    node, tensors, work = state[F.NODES][number], state[F.TENSORS], state[F.WORK]
    source, target = node[F.IN], node[F.OUT]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    offset = tensors[source, F.OFFSET]
    ih, iw, ic, oh, ow = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW]
    kh, kw, sh, sw, dh, dw = node[F.KH], node[F.KW], node[F.SH], node[F.SW], node[F.DH], node[F.DW]
    low, image = np.int64(-ic), np.int64(0)
    first_y, last_y, first_x, last_x = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(counts[source]):
        position = np.int64(changes[offset + i])
        if position < low or position >= low + ic:  # changes come in runs of one pixel
            pixel = position // ic
            low = pixel * ic
            image, rest = pixel // (ih * iw), pixel % (ih * iw)
            first_y, last_y = window_reach(rest // iw, sh, node[F.TOP], dh, kh, oh)
            first_x, last_x = window_reach(rest % iw, sw, node[F.LEFT], dw, kw, ow)
        channel = position - low
        for oy in range(first_y, last_y + 1):
            for ox in range(first_x, last_x + 1):
                best = np.uint8(0)
                for ky in range(kh):
                    y = oy * sh - node[F.TOP] + ky * dh
                    if y < 0 or y >= ih:
                        continue
                    for kx in range(kw):
                        x = ox * sw - node[F.LEFT] + kx * dw
                        if 0 <= x < iw:
                            best = max(best, work[offset + ((image * ih + y) * iw + x) * ic + channel])
                found = record(golden, work, changes, found, out, ((image * oh + oy) * ow + ox) * ic + channel, best)
    counts[target] = found


@jit
def average_pool(state, number):
    """Fused means of every window that holds a changed code, in the order of the dense kernel."""
    node, tensors, work, floats = state[F.NODES][number], state[F.TENSORS], state[F.WORK], state[F.FLOATS]
    source, target = node[F.IN], node[F.OUT]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    offset, real = tensors[source, F.OFFSET], node[F.SCALE]
    ih, iw, ic, oh, ow = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW]
    kh, kw, sh, sw, dh, dw = node[F.KH], node[F.KW], node[F.SH], node[F.SW], node[F.DH], node[F.DW]
    scale, zero = floats[real + 256], np.int32(node[F.ZERO])
    for i in range(counts[source]):
        position = np.int64(changes[offset + i])
        pixel, channel = position // ic, position % ic
        image, rest = pixel // (ih * iw), pixel % (ih * iw)
        first_y, last_y = window_reach(rest // iw, sh, node[F.TOP], dh, kh, oh)
        first_x, last_x = window_reach(rest % iw, sw, node[F.LEFT], dw, kw, ow)
        for oy in range(first_y, last_y + 1):
            for ox in range(first_x, last_x + 1):
                total, count = np.float32(0), 0
                for ky in range(kh):
                    y = oy * sh - node[F.TOP] + ky * dh
                    for kx in range(kw):
                        x = ox * sw - node[F.LEFT] + kx * dw
                        if 0 <= y < ih and 0 <= x < iw:
                            total += floats[real + work[offset + ((image * ih + y) * iw + x) * ic + channel]]
                            count += 1
                        elif node[F.INCLUDE_PAD] and y < ih + node[F.BOTTOM] and x < iw + node[F.RIGHT]:
                            count += 1
                value = (total / np.float32(count)) / scale + np.float32(zero)
                value = min(max(value, np.float32(node[F.LOW])), np.float32(node[F.HIGH]))
                code = np.int32((value + ROUNDER) - ROUNDER) + np.int32(node[F.BYTE])
                found = record(
                    golden, work, changes, found, out, ((image * oh + oy) * ow + ox) * ic + channel, np.uint8(code)
                )
    counts[target] = found


@jit
def global_pool(state, number):
    """Correct the sum over all positions by the differences and requantise it once a channel."""
    node, tensors, work = state[F.NODES][number], state[F.TENSORS], state[F.WORK]
    delta, mark, touched = state[F.DELTA], state[F.MARK], state[F.TOUCHED]
    source, target = node[F.IN], node[F.OUT]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    offset, ic, size = tensors[source, F.OFFSET], node[F.IC], node[F.IH] * node[F.IW]
    count = 0
    for i in range(counts[source]):
        position = np.int64(changes[offset + i])
        unit = position // (size * ic) * ic + position % ic
        delta[unit] += np.int32(work[offset + position]) - np.int32(golden[offset + position])
        if mark[unit] == 0:
            mark[unit] = 1
            touched[count] = unit
            count += 1
    for t in range(count):
        unit = np.int64(touched[t])
        mark[unit] = 0
        total = np.int32(state[F.ACCUMULATORS][node[F.ACC] + unit] + delta[unit])
        delta[unit] = 0
        found = record(
            golden,
            work,
            changes,
            found,
            out,
            unit,
            channel_code(node, state[F.INTS], state[F.FLOATS], unit % ic, total),
        )
    counts[target] = found


@jit
def join(state, number):
    """Concatenation: each input fills its slice of the output, through a table where its scale differs."""
    node, tensors, ints = state[F.NODES][number], state[F.TENSORS], state[F.INTS]
    target = node[F.OUT]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    work = state[F.WORK]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    for part in range(node[F.COUNT]):
        # Five numbers per input: tensor, table (or -1), block length in the input, in the output, start in the output.
        place = node[F.INDEX] + 5 * part
        source, table = np.int64(ints[place]), np.int64(ints[place + 1])
        block, pitch, start = np.int64(ints[place + 2]), np.int64(ints[place + 3]), np.int64(ints[place + 4])
        offset = tensors[source, F.OFFSET]
        low, shift = np.int64(0), start  # changes come in runs: divide only where a run leaves its block
        for i in range(counts[source]):
            position = np.int64(changes[offset + i])
            if position < low or position >= low + block:
                low = position // block * block
                shift = position // block * pitch + start - low
            code = work[offset + position]
            if table >= 0:
                code = state[F.TABLES][table + code]
            found = record(golden, work, changes, found, out, position + shift, code)
    counts[target] = found


@jit
def move(state, number):
    """Codes that change place: the inverse map lists, for every input position, the outputs that copy it."""
    node, tensors, ints = state[F.NODES][number], state[F.TENSORS], state[F.INTS]
    source, target, table = node[F.IN], node[F.OUT], node[F.TABLE]
    golden, changes, counts = state[F.GOLDEN], state[F.CHANGES], state[F.COUNTS]
    work = state[F.WORK]
    out = tensors[target, F.OFFSET]
    found = counts[target]
    offset = tensors[source, F.OFFSET]
    starts, copies = node[F.INDEX], node[F.INDEX] + tensors[source, F.SIZE] + 1
    for i in range(counts[source]):
        position = np.int64(changes[offset + i])
        code = work[offset + position]
        if table >= 0:
            code = state[F.TABLES][table + code]
        if node[F.COUNT] == 0:
            found = record(golden, work, changes, found, out, position, code)
            continue
        for k in range(ints[starts + position], ints[starts + position + 1]):
            found = record(golden, work, changes, found, out, np.int64(ints[copies + k]), code)
    counts[target] = found
