"""Class maps and pictures as PNG, in a few lines that always give the same bytes."""

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's palette (distinguishable with all common colour deficiencies), ordered so that the classes of a
# driving scene get colours that suit them, and the colour of changed pixels.
CLASS_COLOURS = (
    (122, 122, 122), (240, 228, 66), (0, 158, 115), (86, 180, 233), (213, 94, 0), (204, 121, 167), (0, 114, 178),
    (230, 159, 0), (40, 40, 40),
)  # fmt: skip
CHANGED_COLOUR = (200, 0, 90)


def class_colours(count: int) -> NDArray[np.uint8]:
    """Return `count` colours, uint8 (count, 3): the palette, and darker and lighter turns of it beyond its end."""
    base = np.array(CLASS_COLOURS, np.float64)
    turns = [base * 0.55, base * 0.5 + 127.0]
    rows = [base[i % len(base)] if i < len(base) else turns[i // len(base) % 2][i % len(base)] for i in range(count)]
    return np.asarray(np.rint(np.array(rows).reshape(-1, 3)), np.uint8)


def mark_changes(golden: NDArray[Any], faulty: NDArray[Any], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the golden map in pale colours with every changed pixel marked, uint8 (h, w, 3)."""
    shown = (colours.astype(np.int64) + 3 * 235) // 4
    picture: NDArray[np.uint8] = np.asarray(shown[golden], np.uint8)
    picture[golden != faulty] = CHANGED_COLOUR
    return picture


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Return uint8 pixels, (h, w) grey or (h, w, 3) colour, as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG file (W3C Portable Network Graphics, second edition: 8 bits, no interlace, no filter)."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each row starts with its filter type, 0
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
