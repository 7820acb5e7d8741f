"""Flags of changed pixels: setting them, walking them, and what a window makes of them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.jit import jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.vector import differing_bytes, nonzero_bytes


@jit
def flagged(address, x, width):
    """Return the mask of the flags at ``x .. x + 63`` of a row of `width` pixels."""
    mask = nonzero_bytes(address + x)
    if width - x < 64:
        mask &= (np.int64(1) << (width - x)) - 1
    return mask


@jit
def differs(first, second, count):
    """Whether `count` bytes at two addresses differ; up to 63 more may be read."""
    for place in range(0, count, 64):
        mask = differing_bytes(first + place, second + place)
        if count - place < 64:
            mask &= (np.int64(1) << (count - place)) - 1
        if mask != 0:
            return True
    return False


@jit
def widen(spans, tensor, line):
    """Include a row in the rows of a tensor that have flags."""
    if spans[tensor, 1] == 0:
        spans[tensor, 0], spans[tensor, 1] = line, line + 1
    else:
        spans[tensor, 0] = min(spans[tensor, 0], line)
        spans[tensor, 1] = max(spans[tensor, 1], line + 1)


@jit
def check_rows(state, tensor, first, last):
    """Flag the pixels of whole rows that differ."""
    row = state[F.TENSORS][tensor]
    golden, work, flags = state[F.GOLDEN].ctypes.data, state[F.WORK].ctypes.data, state[F.FLAGS]
    width, channels = row[F.WIDTH], row[F.CHANNELS]
    for line in range(first, last):
        found = False
        for pixel in range(line * width, (line + 1) * width):
            place = row[F.OFFSET] + pixel * channels
            if differs(golden + place, work + place, channels):
                flags[row[F.PIXELS] + pixel] = 1
                found = True
        if found:
            widen(state[F.SPANS], tensor, line)


@jit
def reach_row(node, flags, touched, kx):
    """Mark what one tap of a window makes of one row of flags; both are rows of flags."""
    sw, left, dw = node[F.SW], node[F.LEFT], node[F.DW]
    iw, ow = flags.size, touched.size
    shift = kx * dw - left
    if node[F.KIND] == F.TRANSPOSED:
        for x in range(iw):
            place = x * sw + shift
            if 0 <= place < ow:
                touched[place] |= flags[x]
    elif sw == 1:
        first, last = max(0, -shift), min(ow, iw - shift)
        for x in range(first, last):
            touched[x] |= flags[x + shift]
    else:
        for x in range(ow):
            place = x * sw + shift
            if 0 <= place < iw:
                touched[x] |= flags[place]


@jit
def reach(state, number):
    """Mark in TOUCHED the output pixels whose window holds a flagged input pixel; returns the first and last row."""
    node, touched, flags = state[F.NODES][number], state[F.TOUCHED], state[F.FLAGS]
    source = node[F.IN]
    base = state[F.TENSORS][source, F.PIXELS]
    ih, iw, oh, ow = node[F.IH], node[F.IW], node[F.OH], node[F.OW]
    sh, top, dh = node[F.SH], node[F.TOP], node[F.DH]
    first, last = np.int64(1 << 60), np.int64(0)
    for line in range(state[F.SPANS][source, 0], state[F.SPANS][source, 1]):
        place = base + line * iw
        found = False
        for x in range(0, iw, 64):
            found = found or flagged(flags.ctypes.data + place, x, iw) != 0
        if not found:
            continue
        image, y = line // ih, line % ih
        for ky in range(node[F.KH]):
            if node[F.KIND] == F.TRANSPOSED:
                oy = y * sh - top + ky * dh
            else:
                oy = y + top - ky * dh
                if oy % sh != 0:
                    continue
                oy //= sh
            if oy < 0 or oy >= oh:
                continue
            target = image * oh + oy
            for kx in range(node[F.KW]):
                reach_row(node, flags[place : place + iw], touched[target * ow : (target + 1) * ow], kx)
            first, last = min(first, target), max(last, target + 1)
    return first, last
