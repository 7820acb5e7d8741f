"""Instructions of moves: a rectangle goes through scratch, and through a table where there is one."""

from dataclasses import replace

from accel_sim.compiler.emitter import Emitter, Tile
from accel_sim.compiler.jobs import Piece
from accel_sim.compiler.regions import Region
from accel_sim.compiler.tiling import groups_of, rows_of
from accel_sim.config.memories import MEMORY_IDS
from accel_sim.isa import Compute, Load, Save
from accel_sim.program import Origin


def emit_piece(
    emitter: Emitter, piece: Piece, source: Region, target: Region, template: Compute | None, table: int | None
) -> None:
    """Move a rectangle through scratch, through a table on the way if there is one."""
    config = emitter.config
    groups = groups_of(piece.size[2], config)
    half = (emitter.scratch[1] - emitter.scratch[0]) // 2
    buffers = 1 if template is None else 2
    width = min(piece.size[1], half // buffers // groups * config.pixel_parallel)
    height = max(1, min(piece.size[0], half // buffers // rows_of(1, width, groups, config)))
    for y in range(0, piece.size[0], height):
        for x in range(0, piece.size[1], width):
            tile = Tile(0, y, x, min(height, piece.size[0] - y), min(width, piece.size[1] - x), 0)
            _tile(emitter, piece, source, target, template, table, tile, half)


def _tile(
    emitter: Emitter, piece: Piece, source: Region, target: Region, template: Compute | None, table: int | None,
    tile: Tile, half: int,
) -> None:  # fmt: skip
    groups, config = groups_of(piece.size[2], emitter.config), emitter.config
    n, y, x, c = piece.target
    start = (n, y + tile.y * piece.step[0], x + tile.x * piece.step[1], c)
    view = (emitter.scratch[0] + emitter.turn % 2 * half, rows_of(1, tile.width, groups, config), groups)
    emitter.turn += 1
    pitch_y, pitch_x = piece.source_pitches
    if piece.fill is None:
        assert source.address is not None
        address = source.address + piece.source + tile.y * pitch_y + tile.x * pitch_x
    else:
        address = piece.fill
    extent = {"ny": tile.height, "nx": tile.width, "nc": groups, "valid": piece.size[2]}
    image = MEMORY_IDS["img"]
    emitter.add(
        Load(memory=image, address=address, ddr_pitch_y=pitch_y, ddr_pitch_x=pitch_x, base=view[0],
             pitch_y=view[1], pitch_x=view[2], **extent),
        Origin((source.name,), "", start, piece.step, piece.size[2]),
    )  # fmt: skip
    if template is not None and table is not None:
        base = view[0] + half // 2
        changes = {
            "in_base": view[0], "in_pitch_y": view[1], "in_pitch_x": view[2], "in_height": tile.height,
            "in_width": tile.width, "in_groups": groups, "tail": config.word_bytes, "out_base": base,
            "out_pitch_y": view[1], "out_pitch_x": view[2], "out_height": tile.height, "out_width": tile.width,
            "out_groups": groups, "weight_base": emitter.constants.table(table, ()),
        }  # fmt: skip
        origin = Origin((source.name,), target.name, start, piece.step, piece.size[2])
        emitter.add(replace(template, **changes), origin)
        view = (base, view[1], view[2])
    emitter.add(
        Save(memory=image, address=target.byte(*start), ddr_pitch_y=target.pitches[1] * piece.step[0],
             ddr_pitch_x=target.pitches[2] * piece.step[1], base=view[0], pitch_y=view[1], pitch_x=view[2],
             **extent),
        Origin((source.name,), target.name, start, piece.step, piece.size[2]),
    )  # fmt: skip
