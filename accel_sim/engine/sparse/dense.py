"""A linear node recomputed whole, where so much of its input changed that following differences would cost more."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine import direct, linear
from accel_sim.engine.jit import jit
from accel_sim.engine.requant import store_rows
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.vector import differing_bytes, lowest_bit


@jit
def note_differences(state, tensor):
    """Compare a tensor of the work arena with the golden one and list what differs."""
    golden, work, changes, counts = state[F.GOLDEN], state[F.WORK], state[F.CHANGES], state[F.COUNTS]
    offset, size = state[F.TENSORS][tensor, F.OFFSET], state[F.TENSORS][tensor, F.SIZE]
    count = 0
    whole = size // 64 * 64
    for block in range(0, whole, 64):
        mask = differing_bytes(golden.ctypes.data + offset + block, work.ctypes.data + offset + block)
        while mask:
            changes[offset + count] = block + lowest_bit(mask)
            count += 1
            mask &= mask - 1
    for i in range(whole, size):
        if golden[offset + i] != work[offset + i]:
            changes[offset + count] = i
            count += 1
    counts[tensor] = count


@jit
def recompute(state, number, portable):
    """Run a linear node on the work arena with the dense kernels and list what differs from the golden run."""
    node, tensors, work, ints, floats = (
        state[F.NODES][number],
        state[F.TENSORS],
        state[F.WORK],
        state[F.INTS],
        state[F.FLOATS],
    )
    source, target = node[F.IN], node[F.OUT]
    first, out_first = tensors[source, F.OFFSET], tensors[target, F.OFFSET]
    ih, iw, ic, oh, ow, oc = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW], node[F.OC]
    images = tensors[source, F.SIZE] // (ih * iw * ic)
    x = work[first : first + tensors[source, F.SIZE]].reshape((images, ih, iw, ic))
    out = work[out_first : out_first + tensors[target, F.SIZE]].reshape((images * oh * ow, oc))
    window = (node[F.KH], node[F.KW], node[F.SH], node[F.SW], node[F.TOP], node[F.LEFT], node[F.DH], node[F.DW])
    limits = np.array([node[F.LOW], node[F.HIGH], node[F.ZERO], node[F.BYTE]], np.int32)
    group, icg, ocg = node[F.GROUP], node[F.ICG], node[F.OCG]
    count = max(node[F.STEP_COUNT], 1)
    shift = np.int32(node[F.ACC_SHIFT])
    transposed = node[F.KIND] == F.TRANSPOSED
    rows = images * oh * ow
    total = state[F.DELTA][: rows * oc].reshape((rows, oc)) if transposed else np.empty((1, 1), np.int32)
    significand, exponent = np.zeros(oc, np.int64), np.zeros(oc, np.int64)
    thresholds, codes = np.zeros((oc, count), np.int32), np.zeros((oc, count + 1), np.int32)
    for c in range(oc):
        significand[c] = ints[node[F.CHANNEL_INTS] + 2 * c]
        exponent[c] = ints[node[F.CHANNEL_INTS] + 2 * c + 1]
        if node[F.STEP_COUNT]:
            place = node[F.STEP_PLACE] + c * (2 * count + 1)
            thresholds[c] = ints[place : place + count]
            codes[c] = ints[place + count : place + 2 * count + 1]
    scale = floats[node[F.SCALE] : node[F.SCALE] + oc]
    columns = ocg * node[F.KH] * node[F.KW] if transposed else ocg
    for g in range(group):
        packed = state[F.PACKED_WEIGHTS][
            node[F.PACKED] + g * node[F.PACKED_SIZE] : node[F.PACKED] + (g + 1) * node[F.PACKED_SIZE]
        ]
        fixed = ints[node[F.FIXED] + g * columns : node[F.FIXED] + (g + 1) * columns]
        zeros = ints[node[F.W_ZERO] + g * columns : node[F.W_ZERO] + (g + 1) * columns]
        start, stop = g * ocg, (g + 1) * ocg
        if node[F.DIRECT] and transposed:
            bias = ints[node[F.CHANNEL_INTS] + 2 * oc : node[F.CHANNEL_INTS] + 3 * oc]
            direct.transpose_direct(
                x, (node[F.SH], node[F.SW]), packed, node[F.DEPTH], node[F.COLUMNS], fixed, bias, node[F.MODE], scale,
                significand, exponent, limits, thresholds, codes, out, portable,
            )  # fmt: skip
        elif node[F.DIRECT]:
            direct.conv_direct(
                x, (node[F.KH], node[F.KW]), (node[F.TOP], node[F.LEFT], node[F.BOTTOM], node[F.RIGHT]), (oh, ow),
                np.uint8(node[F.X_ZERO]), packed, node[F.DEPTH], node[F.COLUMNS], fixed, shift, node[F.MODE], scale,
                significand, exponent, limits, thresholds, codes, out, 0, oh, portable,
            )  # fmt: skip
        elif transposed:
            linear.transpose_group(
                x, window, (ih, iw), (oh, ow), g * icg, icg, packed, node[F.DEPTH], node[F.COLUMNS], zeros, fixed, ocg,
                start, total, portable,
            )  # fmt: skip
        else:
            linear.conv_group(
                x, window, (oh, ow), g * icg, icg, np.uint8(node[F.X_ZERO]), packed,
                node[F.DEPTH], node[F.COLUMNS], zeros,
                fixed, shift, node[F.MODE], scale[start:stop], significand[start:stop], exponent[start:stop], limits,
                thresholds[start:stop], codes[start:stop], out, start, portable,
            )  # fmt: skip
    if transposed and not node[F.DIRECT]:
        linear.add_bias(total, shift, ints[node[F.CHANNEL_INTS] + 2 * oc : node[F.CHANNEL_INTS] + 3 * oc])
        store_rows(total, rows, node[F.MODE], scale, significand, exponent, limits, thresholds, codes, out, 0, 0)
        total[:] = 0
    note_differences(state, target)
    state[F.TALLY][F.DENSE_PRODUCTS] += rows * oc * icg * node[F.KH] * node[F.KW]
