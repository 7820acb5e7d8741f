"""Vector code on the channels of one pixel: what changed in it, and its products with weights.

An *entry* is 64 bits: the differences of two neighbouring channels of a pixel as two int16 in the lower half, then the
number of the pair (16 bits) and the column of the pixel (16 bits). The weights of a pair are (outputs, 2) int16: one
instruction multiplies both and adds them up.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.jit import cpu_has
from accel_sim.engine.vector import I8, I16, I32, I64, constant, load, splat, store

HAS_DOT = cpu_has("avx512vnni") and cpu_has("avx512vl")
HAS_COMPRESS = cpu_has("avx512f")
PAIRS = 8  # pairs of channels handled at a time
MOST_COLUMNS, MOST_CHANNELS = 1 << 16, 1 << 17  # that an entry has bits for


def _call(builder, name, result, arguments):
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), arguments)


def _store_chosen(builder, values, chosen, address):
    """Store the chosen lanes of eight int64 one after the other; eight may be written."""
    kind = values.type
    if HAS_COMPRESS:
        packed = _call(builder, "llvm.x86.avx512.mask.compress.v8i64", kind, [values, constant(kind, 0), chosen])
        store(builder, packed, address)
        return
    place = address
    for lane in range(PAIRS):
        number = ir.Constant(I32, lane)
        store(builder, builder.extract_element(values, number), place)
        step = builder.zext(builder.extract_element(chosen, number), I64)
        place = builder.add(place, builder.shl(step, ir.Constant(I64, 3)))


def store_entries(builder, difference, channels, first, out):
    """Write the entries of sixteen differences (int16) of which `channels` count; returns how many."""
    halves, words, wide = difference.type, ir.VectorType(I32, PAIRS), ir.VectorType(I64, PAIRS)
    lanes = ir.Constant(halves, list(range(2 * PAIRS)))
    few = builder.icmp_signed("<", channels, ir.Constant(I64, 2 * PAIRS))
    left = builder.trunc(builder.select(few, channels, ir.Constant(I64, 2 * PAIRS)), I16)
    inside = builder.icmp_signed("<", lanes, splat(builder, left, halves))
    pairs = builder.bitcast(builder.select(inside, difference, constant(halves, 0)), words)
    chosen = builder.icmp_unsigned("!=", pairs, constant(words, 0))
    numbers = builder.add(splat(builder, first, wide), ir.Constant(wide, list(range(PAIRS))))
    entries = builder.or_(builder.zext(pairs, wide), builder.shl(numbers, constant(wide, 32)))
    _store_chosen(builder, entries, chosen, out)
    return builder.zext(builder.ctpop(builder.bitcast(chosen, I8)), I64)


@intrinsic
def changed_pairs(typingctx, before, after, channels, first, out):
    """Write the entries of up to sixteen channels of a pixel; returns how many, writes eight.

    `before`, `after` and `out` are addresses; `channels` are left from this address on; `first` is the number of the
    first pair and, 16 bits further up, the column.
    """

    def codegen(context, builder, signature, args):
        before, after, channels, first, out = args
        bytes_, halves = ir.VectorType(I8, 2 * PAIRS), ir.VectorType(I16, 2 * PAIRS)
        old, new = (builder.zext(load(builder, place, bytes_), halves) for place in (before, after))
        return store_entries(builder, builder.sub(new, old), channels, first, out)

    return types.int64(*[types.int64] * 5), codegen


def _dot_pairs(builder, total, pairs, weights, lanes):
    """``total[i] += pairs[2i] * weights[2i] + pairs[2i + 1] * weights[2i + 1]`` in int32 lanes, modulo 2**32."""
    wide, halves = ir.VectorType(I32, lanes), ir.VectorType(I16, 2 * lanes)
    if HAS_DOT:
        return _call(builder, f"llvm.x86.avx512.vpdpwssd.{32 * lanes}", wide, [total, pairs, weights])
    sides = [builder.bitcast(v, halves) for v in (pairs, weights)]
    for half in (0, 1):
        pick = ir.Constant(wide, [2 * lane + half for lane in range(lanes)])
        one, other = (
            builder.sext(builder.shuffle_vector(v, ir.Constant(halves, ir.Undefined), pick), wide) for v in sides
        )
        total = builder.add(total, builder.mul(one, other))
    return total


def _add_products(lanes):
    wide = ir.VectorType(I32, lanes)

    @intrinsic
    def add_products(typingctx, sums, weights, entry):
        """Add an entry's products with one vector of outputs to the sums at an address."""

        def codegen(context, builder, signature, args):
            sums, weights, entry = args
            pairs = splat(builder, builder.trunc(entry, I32), wide)
            total = _dot_pairs(builder, load(builder, sums, wide), pairs, load(builder, weights, wide), lanes)
            store(builder, total, sums)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 3), codegen

    return add_products


add_products_8, add_products_16 = _add_products(8), _add_products(16)


def _fill(lanes):
    @intrinsic
    def fill(typingctx, address, value):
        """Write an int32 `lanes` times from an address on."""

        def codegen(context, builder, signature, args):
            address, value = args
            kind = ir.VectorType(I32, lanes)
            store(builder, splat(builder, builder.trunc(value, I32), kind), address)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), codegen

    return fill


fill_eight, fill_sixteen = _fill(8), _fill(16)
