"""Changed pixels through nodes whose outputs depend on few inputs: tables, pools, joins and moves."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
import numpy as np

from accel_sim.engine.bytewise import copy_short, copy_stretch, lookup_short, lookup_stretch, max_stretch
from accel_sim.engine.jit import jit
from accel_sim.engine.requant import ROUNDER
from accel_sim.engine.sparse import fields as F
from accel_sim.engine.sparse.changes import write_codes
from accel_sim.engine.sparse.codes import channel_code
from accel_sim.engine.sparse.cost import count_touched
from accel_sim.engine.sparse.reach import any_flag, check_line, check_rows, differs, flagged, reach, widen
from accel_sim.engine.sparse.vector import lowest_bit, poke_byte, prefetch


@jit
def lookup(state, number):
    """One table for every code of the rows that have a change."""
    node, spans = state[F.NODES][number], state[F.SPANS]
    row, target = state[F.TENSORS][node[F.IN]], state[F.TENSORS][node[F.OUT]]
    table, work, golden = state[F.TABLES].ctypes.data + node[F.TABLE], state[F.WORK].ctypes.data, state[F.GOLDEN]
    flags, width, channels = state[F.FLAGS].ctypes.data, row[F.WIDTH], row[F.CHANNELS]
    size = width * channels
    for line in range(spans[node[F.IN], 0], spans[node[F.IN], 1]):
        if any_flag(flags + row[F.PIXELS] + line * width, width):
            place = target[F.OFFSET] + line * size
            lookup_stretch(work + place, work + row[F.OFFSET] + line * size, table, size)
            out_flags = flags + target[F.PIXELS] + line * width
            if check_line(golden.ctypes.data + place, work + place, out_flags, width, channels):
                widen(spans, node[F.OUT], line)


@jit
def pair(state, number):
    """One table for every pair of codes at the same position."""
    node, work, tables, spans = state[F.NODES][number], state[F.WORK], state[F.TABLES], state[F.SPANS]
    target, table = node[F.OUT], node[F.TABLE]
    one, other = state[F.TENSORS][node[F.IN]], state[F.TENSORS][node[F.IN2]]
    channels, width, out = one[F.CHANNELS], one[F.WIDTH], state[F.TENSORS][target, F.OFFSET]
    flags, out_flags, golden = state[F.FLAGS], state[F.TENSORS][target, F.PIXELS], state[F.GOLDEN]
    for side in range(1 if node[F.IN] == node[F.IN2] else 2):
        source, place = (node[F.IN], one[F.PIXELS]) if side == 0 else (node[F.IN2], other[F.PIXELS])
        for line in range(spans[source, 0], spans[source, 1]):
            found = False
            for pixel in range(line * width, (line + 1) * width):
                if flags[place + pixel] == 0:
                    continue
                first = pixel * channels
                differ = False
                for c in range(first, first + channels):
                    entry = np.int64(work[one[F.OFFSET] + c]) * 256 + np.int64(work[other[F.OFFSET] + c])
                    code = tables[table + entry]
                    work[out + c] = code
                    differ |= code != golden[out + c]
                if differ:
                    flags[out_flags + pixel] = 1
                    found = True
            if found:
                widen(spans, target, line)


@jit
def max_pool(state, number):
    """Largest codes of every window that holds a changed pixel."""
    node, work, touched = state[F.NODES][number], state[F.WORK], state[F.TOUCHED]
    ic, ih, iw, ow = node[F.IC], node[F.IH], node[F.IW], node[F.OW]
    source = work.ctypes.data + state[F.TENSORS][node[F.IN], F.OFFSET]
    out = state[F.TENSORS][node[F.OUT], F.OFFSET]
    first, last = reach(state, number)
    for line in range(first, last):
        image, y = line // node[F.OH], line % node[F.OH]
        top = y * node[F.SH] - node[F.TOP]
        for x in range(0, ow, 64):
            mask = flagged(touched.ctypes.data + line * ow, x, ow)
            while mask:
                column = x + lowest_bit(mask)
                mask &= mask - 1
                place = out + (line * ow + column) * ic
                work[place : place + ic] = 0
                left = column * node[F.SW] - node[F.LEFT]
                for ky in range(node[F.KH]):
                    iy = top + ky * node[F.DH]
                    if iy < 0 or iy >= ih:
                        continue
                    for kx in range(node[F.KW]):
                        ix = left + kx * node[F.DW]
                        if 0 <= ix < iw:
                            max_stretch(work.ctypes.data + place, source + ((image * ih + iy) * iw + ix) * ic, ic)
        touched[line * ow : (line + 1) * ow] = 0
    check_rows(state, node[F.OUT], first, last)


@jit
def average_pool(state, number):
    """Fused means of every window that holds a changed pixel, in the order of the dense kernel."""
    node, work, touched, floats = state[F.NODES][number], state[F.WORK], state[F.TOUCHED], state[F.FLOATS]
    target, ic = node[F.OUT], node[F.IC]
    offset, out = state[F.TENSORS][node[F.IN], F.OFFSET], state[F.TENSORS][target, F.OFFSET]
    scale, zero = floats[node[F.SCALE] + 256], np.int32(node[F.ZERO])
    golden, flags, spans = state[F.GOLDEN].ctypes.data, state[F.FLAGS], state[F.SPANS]
    out_flags = state[F.TENSORS][target, F.PIXELS]
    first, last = reach(state, number)
    for pixel in range(first * node[F.OW], last * node[F.OW]):
        if touched[pixel] == 0:
            continue
        touched[pixel] = 0
        for channel in range(ic):
            total, count = window_total(node, work, offset, floats, pixel, channel)
            value = (total / np.float32(count)) / scale + np.float32(zero)
            value = min(max(value, np.float32(node[F.LOW])), np.float32(node[F.HIGH]))
            code = np.int32((value + ROUNDER) - ROUNDER) + np.int32(node[F.BYTE])
            work[out + pixel * ic + channel] = np.uint8(code)
        if differs(golden + out + pixel * ic, work.ctypes.data + out + pixel * ic, ic):
            flags[out_flags + pixel] = 1
            widen(spans, target, pixel // node[F.OW])


@jit
def window_total(node, work, offset, floats, pixel, channel):
    """Float32 sum of the real values in a window, tap by tap, and the number of them that counts."""
    line, x = pixel // node[F.OW], pixel % node[F.OW]
    image, y = line // node[F.OH], line % node[F.OH]
    ih, iw = node[F.IH], node[F.IW]
    total, count = np.float32(0), 0
    for ky in range(node[F.KH]):
        iy = y * node[F.SH] - node[F.TOP] + ky * node[F.DH]
        for kx in range(node[F.KW]):
            ix = x * node[F.SW] - node[F.LEFT] + kx * node[F.DW]
            if 0 <= iy < ih and 0 <= ix < iw:
                code = work[offset + ((image * ih + iy) * iw + ix) * node[F.IC] + channel]
                total += floats[node[F.SCALE] + np.int64(code)]
                count += 1
            elif node[F.INCLUDE_PAD] and iy < ih + node[F.BOTTOM] and ix < iw + node[F.RIGHT]:
                count += 1
    return total, count


@jit
def global_pool(state, number):
    """Correct the sum over all positions by the differences and requantise it once a channel."""
    node, golden, work = state[F.NODES][number], state[F.GOLDEN], state[F.WORK]
    source, target = node[F.IN], node[F.OUT]
    row, out, ic = state[F.TENSORS][source], state[F.TENSORS][target], node[F.IC]
    size = node[F.IH] * node[F.IW]
    totals = np.zeros(out[F.SIZE], np.int32)
    for line in range(state[F.SPANS][source, 0], state[F.SPANS][source, 1]):
        for pixel in range(line * row[F.WIDTH], (line + 1) * row[F.WIDTH]):
            if state[F.FLAGS][row[F.PIXELS] + pixel]:
                unit, first = pixel // size * ic, row[F.OFFSET] + pixel * ic
                for c in range(ic):
                    totals[unit + c] += np.int32(work[first + c]) - np.int32(golden[first + c])
    for unit in range(totals.size):
        if totals[unit] != 0:
            total = np.int32(state[F.ACCUMULATORS][node[F.ACC] + unit] + totals[unit])
            code = channel_code(node, state[F.INTS], state[F.FLOATS], unit % ic, total)
            work[out[F.OFFSET] + unit] = code
            if code != golden[out[F.OFFSET] + unit]:
                pixel = unit // out[F.CHANNELS]
                state[F.FLAGS][out[F.PIXELS] + pixel] = 1
                widen(state[F.SPANS], target, pixel // out[F.WIDTH])


@jit
def join_pixels(flags, codes, golden, work, changed, width, channels, pitch, table, certain):
    """Copy the flagged pixels of a row into slices of wider pixels, `pitch` bytes apart; returns whether any differs.

    All but the last five arguments are addresses, those of the output at the slice of the first pixel; `table` is one
    as well, or 0 for a copy. Where it is `certain`, a changed pixel changes its copy, and nothing is compared.
    """
    found = False
    for x in range(0, width, 64):
        mask = flagged(flags, x, width)
        coming = mask
        while coming:
            column = x + lowest_bit(coming)
            coming &= coming - 1
            prefetch(work + column * pitch)
            prefetch(golden + column * pitch)
        while mask:
            column = x + lowest_bit(mask)
            mask &= mask - 1
            source, target = codes + column * channels, work + column * pitch
            for c in range(0, channels, 64):
                if table == 0:
                    copy_short(target + c, source + c, min(channels - c, 64))
                else:
                    lookup_short(target + c, source + c, table, min(channels - c, 64))
            if certain or differs(golden + column * pitch, target, channels):
                poke_byte(changed + column, np.uint8(1))
                found = True
    return found


@jit
def join(state, number):
    """Concatenation: each input fills its slice of the output, through a table where its scale differs."""
    node, ints, work, golden = state[F.NODES][number], state[F.INTS], state[F.WORK], state[F.GOLDEN]
    flags, spans, outer, tables = state[F.FLAGS], state[F.SPANS], state[F.TENSORS][node[F.OUT]], state[F.TABLES]
    out, width = outer[F.OFFSET], outer[F.CHANNELS]
    for part in range(node[F.COUNT]):
        # Five numbers per input: tensor, table (or -1), block length in the input, in the output, start in the output.
        place = node[F.INDEX] + F.PART * part
        source, table = np.int64(ints[place]), np.int64(ints[place + 1])
        block, pitch, start = np.int64(ints[place + 2]), np.int64(ints[place + 3]), np.int64(ints[place + 4])
        row = state[F.TENSORS][source]
        write_codes(state, source)
        channels, pixels = row[F.CHANNELS], row[F.WIDTH]
        mapped = np.empty(pixels * channels if table >= 0 else 0, np.uint8)
        for line in range(spans[source, 0], spans[source, 1]):
            count = count_touched(flags.ctypes.data + row[F.PIXELS] + line * pixels, pixels)
            if count == 0:
                continue
            codes, many = work.ctypes.data + row[F.OFFSET] + line * pixels * channels, 8 * count > pixels
            if table >= 0 and many:
                lookup_stretch(mapped.ctypes.data, codes, tables.ctypes.data + table, pixels * channels)
                codes = mapped.ctypes.data
            # Joined along the channels, much changed: copy the row whole, unchanged pixels stay what they are.
            if pitch == width and many:
                place = out + line * pixels * pitch
                for x in range(pixels):
                    copy_stretch(work.ctypes.data + place + x * pitch + start, codes + x * channels, channels)
                out_flags = flags.ctypes.data + outer[F.PIXELS] + line * pixels
                if check_line(golden.ctypes.data + place, work.ctypes.data + place, out_flags, pixels, pitch):
                    widen(spans, node[F.OUT], line)
                continue
            if pitch == width and block == channels:
                place = line * pixels
                if join_pixels(
                    flags.ctypes.data + row[F.PIXELS] + place, codes, golden.ctypes.data + out + place * pitch + start,
                    work.ctypes.data + out + place * pitch + start, flags.ctypes.data + outer[F.PIXELS] + place, pixels,
                    channels, pitch, np.int64(0) if table < 0 or many else tables.ctypes.data + table,
                    table < 0,
                ):  # fmt: skip
                    widen(spans, node[F.OUT], line)
                continue
            for x in range(0, pixels, 64):
                mask = flagged(flags.ctypes.data + row[F.PIXELS] + line * pixels, x, pixels)
                while mask:
                    column = x + lowest_bit(mask)
                    mask &= mask - 1
                    first = (line * pixels + column) * channels
                    last = first // block * pitch + start + first % block  # a pixel never straddles two blocks
                    if table >= 0 and not many:
                        changed = codes + column * channels
                        lookup_stretch(work.ctypes.data + out + last, changed, tables.ctypes.data + table, channels)
                    else:
                        copy_stretch(work.ctypes.data + out + last, codes + column * channels, channels)
                    if differs(golden.ctypes.data + out + last, work.ctypes.data + out + last, channels):
                        flags[outer[F.PIXELS] + last // width] = 1
                        widen(spans, node[F.OUT], last // width // outer[F.WIDTH])


@jit
def move(state, number):
    """Codes that change place: the inverse map lists, for every input position, the outputs that copy it."""
    node, ints, work, golden = state[F.NODES][number], state[F.INTS], state[F.WORK], state[F.GOLDEN]
    source, target, table = node[F.IN], node[F.OUT], node[F.TABLE]
    row, outer, flags, spans = state[F.TENSORS][source], state[F.TENSORS][target], state[F.FLAGS], state[F.SPANS]
    out, width = outer[F.OFFSET], outer[F.CHANNELS]
    starts, copies = node[F.INDEX], node[F.INDEX] + row[F.SIZE] + 1
    for line in range(state[F.SPANS][source, 0], state[F.SPANS][source, 1]):
        for pixel in range(line * row[F.WIDTH], (line + 1) * row[F.WIDTH]):
            if flags[row[F.PIXELS] + pixel] == 0:
                continue
            for position in range(pixel * row[F.CHANNELS], (pixel + 1) * row[F.CHANNELS]):
                code = work[row[F.OFFSET] + position]
                if code == golden[row[F.OFFSET] + position]:
                    continue
                if table >= 0:
                    code = state[F.TABLES][table + np.int64(code)]
                first = 0 if node[F.COUNT] == 0 else np.int64(ints[starts + position])
                last = 1 if node[F.COUNT] == 0 else np.int64(ints[starts + position + 1])
                for k in range(first, last):
                    place = position if node[F.COUNT] == 0 else np.int64(ints[copies + k])
                    work[out + place] = code
                    if code != golden[out + place]:
                        flags[outer[F.PIXELS] + place // width] = 1
                        widen(spans, target, place // width // outer[F.WIDTH])
