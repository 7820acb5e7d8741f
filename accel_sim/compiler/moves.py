"""Moves as rectangles: what LOAD and SAVE can do with their pitches, found in a node's index map."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from accel_sim.compiler.constants import NotOnTheArrayError
from accel_sim.compiler.jobs import Piece
from accel_sim.compiler.regions import Extent, Region

MOST_PIECES = 64
WORDS_OF_A_PIECE = 16
PHASES = ((1, 1), (2, 2), (1, 2), (2, 1), (3, 3), (4, 4), (1, 3), (1, 4), (3, 1), (4, 1))

Map = NDArray[np.int64]


def source_bytes(index: NDArray[np.int32], source: Region) -> Map:
    """Turn flat stored positions into byte offsets inside the source region; -1 stays."""
    flat = index.astype(np.int64)
    if source.is_dense:
        return flat
    n, y, x, c = np.unravel_index(np.maximum(flat, 0), source.extent)
    offsets = n * source.pitches[0] + y * source.pitches[1] + x * source.pitches[2] + c
    return np.where(flat < 0, -1, offsets)


def find_pieces(offsets: Map, extent: Extent, word_bytes: int, fill: int) -> list[Piece]:
    """Cover a move with rectangles.

    Parameters
    ----------
    offsets
        Source byte offset of every output element, (n, h, w, c) of `extent`; -1 for fill.
    fill
        DDR address of fill bytes.

    Raises
    ------
    NotOnTheArrayError
        More than :data:`MOST_PIECES` rectangles would be needed.
    """
    grid = offsets.reshape(extent)
    for step in PHASES:
        if step[0] > extent[1] or step[1] > extent[2]:
            continue
        found = _with_phases(grid, step, word_bytes, fill)
        if found is not None and len(found) <= MOST_PIECES:
            return found
    raise NotOnTheArrayError(f"the move takes more than {MOST_PIECES} rectangles with adjacent channels")


def _with_phases(grid: Map, step: tuple[int, int], word_bytes: int, fill: int) -> list[Piece] | None:
    found: list[Piece] = []
    for n in range(grid.shape[0]):
        for py in range(step[0]):
            for px in range(step[1]):
                part = grid[n, py :: step[0], px :: step[1]]
                for low, high in _runs(part, WORDS_OF_A_PIECE * word_bytes):
                    cut = list(_rectangles(part[:, :, low:high], (n, py, px, low), step, fill))
                    if None in cut or len(found) + len(cut) > MOST_PIECES:
                        return None
                    found += [piece for piece in cut if piece is not None]
    return found


def _runs(part: Map, most: int) -> Iterator[tuple[int, int]]:
    """Channels that are adjacent in the source at every position."""
    joined = ((part[:, :, 1:] - part[:, :, :-1] == 1) & (part[:, :, :-1] >= 0)) | (
        (part[:, :, 1:] < 0) & (part[:, :, :-1] < 0)
    )
    cuts = np.flatnonzero(~joined.all(axis=(0, 1))) + 1
    edges = [0, *cuts.tolist(), part.shape[2]]
    for low, high in pairwise(edges):
        for start in range(low, high, most):
            yield start, min(start + most, high)


def _rectangles(
    part: Map, first: tuple[int, int, int, int], step: tuple[int, int], fill: int
) -> Iterator[Piece | None]:
    """Cover one run of channels: a rectangle of moved codes, strips of fill around it; None when that is not so."""
    n, py, px, c = first
    start, depth = part[:, :, 0], part.shape[2]
    inside = start >= 0
    height, width = start.shape
    ys, xs = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, bottom, left, right = 0, 0, 0, 0
    if ys.size:
        top, bottom, left, right = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
        box = start[top:bottom, left:right]
        pitch_y = int(box[1, 0] - box[0, 0]) if box.shape[0] > 1 else 0
        pitch_x = int(box[0, 1] - box[0, 0]) if box.shape[1] > 1 else 0
        plan = box[0, 0] + pitch_y * np.arange(box.shape[0])[:, None] + pitch_x * np.arange(box.shape[1])[None, :]
        if not np.array_equal(box, plan) or min(pitch_y, pitch_x) < 0 or pitch_x >= 1 << 24 or pitch_y >= 1 << 27:
            yield None
            return
        at = (n, py + top * step[0], px + left * step[1], c)
        yield Piece(int(box[0, 0]), at, (bottom - top, right - left, depth), (pitch_y, pitch_x), step)
    for y0, y1, x0, x1 in (
        (0, top, 0, width),
        (bottom, height, 0, width),
        (top, bottom, 0, left),
        (top, bottom, right, width),
    ):
        if y1 > y0 and x1 > x0:
            at = (n, py + y0 * step[0], px + x0 * step[1], c)
            yield Piece(0, at, (y1 - y0, x1 - x0, depth), (0, 0), step, fill)
