"""Rows of a linear node recomputed, where so much of the input changed that following differences would cost more."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine import direct, linear
from accel_sim.engine.jit import jit
from accel_sim.engine.requant import store_rows
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.reach import check_rows


@jit
def requantisation(state, node):
    """Collect what the dense kernels want to know: the fields of `Stage.arguments`."""
    ints, oc = state[F.INTS], node[F.OC]
    count = max(node[F.STEP_COUNT], 1)
    significand, exponent = np.zeros(oc, np.int64), np.zeros(oc, np.int64)
    thresholds, codes = np.zeros((oc, count), np.int32), np.zeros((oc, count + 1), np.int32)
    for c in range(oc):
        significand[c] = ints[node[F.CHANNEL_INTS] + 2 * c]
        exponent[c] = ints[node[F.CHANNEL_INTS] + 2 * c + 1]
        if node[F.STEP_COUNT]:
            place = node[F.STEP_PLACE] + c * (2 * count + 1)
            thresholds[c] = ints[place : place + count]
            codes[c] = ints[place + count : place + 2 * count + 1]
    scale = state[F.FLOATS][node[F.SCALE] : node[F.SCALE] + oc]
    limits = np.array([node[F.LOW], node[F.HIGH], node[F.ZERO], node[F.BYTE]], np.int32)
    return node[F.MODE], scale, significand, exponent, limits, thresholds, codes


@jit
def recompute(state, number, first, last, portable):
    """Run at least rows ``first .. last`` of an ungrouped node on the work arena and flag what differs.

    Rows count over all images. Only the direct transposed kernel can leave rows out; the others run the whole node.
    Direct convolutions have their own tiles.
    """
    node, tensors, ints = state[F.NODES][number], state[F.TENSORS], state[F.INTS]
    source, target = tensors[node[F.IN]], node[F.OUT]
    ih, iw, ic, oh, ow, oc = node[F.IH], node[F.IW], node[F.IC], node[F.OH], node[F.OW], node[F.OC]
    transposed = node[F.KIND] == F.TRANSPOSED
    images = source[F.SIZE] // (ih * iw * ic)
    x = state[F.WORK][source[F.OFFSET] : source[F.OFFSET] + source[F.SIZE]].reshape((images, ih, iw, ic))
    place = tensors[target, F.OFFSET]
    out = state[F.WORK][place : place + images * oh * ow * oc].reshape((images * oh * ow, oc))
    packed = state[F.PACKED_WEIGHTS][node[F.PACKED] : node[F.PACKED] + node[F.PACKED_SIZE]]
    columns = oc * node[F.KH] * node[F.KW] if transposed else oc
    fixed, zeros = ints[node[F.FIXED] : node[F.FIXED] + columns], ints[node[F.W_ZERO] : node[F.W_ZERO] + columns]
    bias = ints[node[F.CHANNEL_INTS] + 2 * oc : node[F.CHANNEL_INTS] + 3 * oc]
    shift, x_zero = np.int32(node[F.ACC_SHIFT]), np.uint8(node[F.X_ZERO])
    mode, scale, significand, exponent, limits, thresholds, codes = requantisation(state, node)
    window = (node[F.KH], node[F.KW], node[F.SH], node[F.SW], node[F.TOP], node[F.LEFT], node[F.DH], node[F.DW])
    if node[F.DIRECT] and transposed:
        high, low = -(-last // node[F.SH]), first // node[F.SH]
        first, last = low * node[F.SH], high * node[F.SH]
        lines = x.reshape((1, images * ih, iw, ic))[:, low:high]
        direct.transpose_direct(
            lines, (node[F.SH], node[F.SW]), packed, node[F.DEPTH], node[F.COLUMNS], fixed, bias, mode, scale,
            significand, exponent, limits, thresholds, codes, out[first * ow : last * ow], portable,
        )  # fmt: skip
    else:
        first, last = np.int64(0), images * oh
        if transposed:
            total = np.zeros((images * oh * ow, oc), np.int32)
            linear.transpose_group(
                x, window, (ih, iw), (oh, ow), 0, ic, packed, node[F.DEPTH], node[F.COLUMNS], zeros, fixed, oc, 0,
                total, portable,
            )  # fmt: skip
            linear.add_bias(total, shift, bias)
            store_rows(
                total, images * oh * ow, mode, scale, significand, exponent, limits, thresholds, codes, out, 0, 0
            )
        else:
            linear.conv_group(
                x, window, (oh, ow), 0, ic, x_zero, packed, node[F.DEPTH], node[F.COLUMNS], zeros, fixed, shift, mode,
                scale, significand, exponent, limits, thresholds, codes, out, 0, portable,
            )  # fmt: skip
    check_rows(state, target, first, last)
    state[F.TALLY][F.RECOMPUTED] += (last - first) * ow
    state[F.TALLY][F.DENSE_PRODUCTS] += (last - first) * ow * oc * ic * node[F.KH] * node[F.KW]
