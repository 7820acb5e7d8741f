"""Flags of changed pixels: setting them, walking them, and what a window makes of them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.bytewise import fill_short, or_stretch
from accel_sim.engine.jit import inlined, jit
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.vector import (
    differing_bytes,
    flag_eights,
    flag_sixteens,
    lowest_bit,
    nonzero_bytes,
    peek_byte,
    poke_byte,
)


@inlined
def flagged(address, x, width):
    """Return the mask of the flags at ``x .. x + 63`` of a row of `width` pixels."""
    mask = nonzero_bytes(address + x)
    if width - x < 64:
        mask &= (np.int64(1) << (width - x)) - 1
    return mask


@inlined
def clear_flags(address, width):
    """Clear the flags of a row of `width` pixels."""
    for x in range(0, width, 64):
        fill_short(address + x, min(width - x, 64))


@inlined
def differs(first, second, count):
    """Whether `count` bytes at two addresses differ; up to 63 more may be read."""
    for place in range(0, count, 64):
        mask = differing_bytes(first + place, second + place)
        if count - place < 64:
            mask &= (np.int64(1) << (count - place)) - 1
        if mask != 0:
            return True
    return False


@inlined
def widen(spans, tensor, line):
    """Include a row in the rows of a tensor that have flags."""
    if spans[tensor, 1] == 0:
        spans[tensor, 0], spans[tensor, 1] = line, line + 1
    else:
        spans[tensor, 0] = min(spans[tensor, 0], line)
        spans[tensor, 1] = max(spans[tensor, 1], line + 1)


@jit
def check_line(golden, work, flags, width, channels):
    """Flag the pixels of a row whose codes differ; all but the last two are addresses. Returns whether any does."""
    found = False
    size = width * channels
    if channels == 8 or channels == 16:
        whole = width // 8 * 8
        for pixel in range(0, whole, 8):
            place = pixel * channels
            if channels == 8:
                found |= flag_eights(golden + place, work + place, flags + pixel) != 0
            else:
                found |= flag_sixteens(golden + place, work + place, flags + pixel) != 0
        rest = whole * channels
        golden, work, flags, size = golden + rest, work + rest, flags + whole, size - rest
    for block in range(0, size, 64):
        mask = differing_bytes(golden + block, work + block)
        if size - block < 64:
            mask &= (np.int64(1) << (size - block)) - 1
        while mask:
            found = True
            pixel = (block + lowest_bit(mask)) // channels
            poke_byte(flags + pixel, np.uint8(1))
            beyond = (pixel + 1) * channels - block
            mask = 0 if beyond >= 64 else mask & (np.int64(-1) << beyond)
    return found


@jit
def check_rows(state, tensor, first, last):
    """Flag the pixels of whole rows that differ."""
    row, spans = state[F.TENSORS][tensor], state[F.SPANS]
    width, channels = row[F.WIDTH], row[F.CHANNELS]
    golden, work = state[F.GOLDEN].ctypes.data + row[F.OFFSET], state[F.WORK].ctypes.data + row[F.OFFSET]
    flags = state[F.FLAGS].ctypes.data + row[F.PIXELS]
    for line in range(first, last):
        place = line * width * channels
        if check_line(golden + place, work + place, flags + line * width, width, channels):
            widen(spans, tensor, line)


@jit
def any_flag(flags, width):
    """Whether a row of flags at an address has one."""
    for x in range(0, width, 64):
        if flagged(flags, x, width) != 0:
            return True
    return False


@jit
def reach_across(flags, out, iw, ow, kw, sw, left, dw, transposed):
    """Mark in a row of `ow` output pixels those whose window touches a flag of a row of `iw`; both are addresses."""
    for kx in range(kw):
        shift = kx * dw - left
        if transposed:
            for x in range(iw):
                place = x * sw + shift
                if 0 <= place < ow and peek_byte(flags + x):
                    poke_byte(out + place, np.uint8(1))
        elif sw == 1:
            first, last = max(0, -shift), min(ow, iw - shift)
            or_stretch(out + first, flags + first + shift, last - first)
        else:
            for x in range(ow):
                place = x * sw + shift
                if 0 <= place < iw and peek_byte(flags + place):
                    poke_byte(out + x, np.uint8(1))


@jit
def reach(state, number):
    """Mark in TOUCHED the output pixels whose window holds a flagged input pixel; returns the first and last row."""
    node, touched = state[F.NODES][number], state[F.TOUCHED].ctypes.data
    source = node[F.IN]
    flags = state[F.FLAGS].ctypes.data + state[F.TENSORS][source, F.PIXELS]
    ih, iw, oh, ow = node[F.IH], node[F.IW], node[F.OH], node[F.OW]
    sh, top, dh, transposed = node[F.SH], node[F.TOP], node[F.DH], node[F.KIND] == F.TRANSPOSED
    across = np.zeros(ow, np.uint8)
    first, last = np.int64(1 << 60), np.int64(0)
    for line in range(state[F.SPANS][source, 0], state[F.SPANS][source, 1]):
        if not any_flag(flags + line * iw, iw):
            continue
        across[:] = 0
        reach_across(
            flags + line * iw, across.ctypes.data, iw, ow, node[F.KW], node[F.SW], node[F.LEFT], node[F.DW], transposed
        )
        image, y = line // ih, line % ih
        for ky in range(node[F.KH]):
            if transposed:
                oy = y * sh - top + ky * dh
            else:
                oy = y + top - ky * dh
                if oy % sh != 0:
                    continue
                oy //= sh
            if oy < 0 or oy >= oh:
                continue
            target = image * oh + oy
            or_stretch(touched + target * ow, across.ctypes.data, ow)
            first, last = min(first, target), max(last, target + 1)
    return first, last
