"""Compiled LOAD and SAVE."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"
from accel_sim.engine.jit import jit
from accel_sim.engine.microkernel import copy_bytes


@jit
def load(ddr, address, counts, valid, pitches, buffer, lanes, base, pitch_y, pitch_x, broadcast):
    """Copy words from DDR bytes to a buffer, (banks, rows, bytes).

    `counts` is (ny, nx, nc), `pitches` the DDR pitches. Image memory has more banks than lanes: linear rows go on in
    the next group of banks.
    """
    ny, nx, nc = counts
    rows, width = buffer.shape[1], buffer.shape[2]
    for y in range(ny):
        for x in range(nx):
            source = address + y * pitches[0] + x * pitches[1]
            line = base + y * pitch_y + x // lanes * pitch_x
            for c in range(nc):
                bank, row = (line + c) // rows * lanes + x % lanes, (line + c) % rows
                count = min(width, valid - c * width)
                word = (bank * rows + row) * width
                copy_bytes(buffer.ctypes.data + word, ddr.ctypes.data + source + c * width, count)
                for j in range(count, width):
                    buffer[bank, row, j] = 0
                if broadcast:
                    for other in range(1, buffer.shape[0]):
                        buffer[other, row, :] = buffer[0, row, :]


@jit
def save(ddr, address, counts, valid, pitches, buffer, lanes, base, pitch_y, pitch_x):
    """Copy words from image memory to DDR bytes; see :func:`load`."""
    ny, nx, nc = counts
    rows, width = buffer.shape[1], buffer.shape[2]
    for y in range(ny):
        for x in range(nx):
            target = address + y * pitches[0] + x * pitches[1]
            line = base + y * pitch_y + x // lanes * pitch_x
            for c in range(nc):
                bank, row = (line + c) // rows * lanes + x % lanes, (line + c) % rows
                word = (bank * rows + row) * width
                count = min(width, valid - c * width)
                copy_bytes(ddr.ctypes.data + target + c * width, buffer.ctypes.data + word, count)
