"""Vector code on the sums of one pixel: whether a code can change at all, and the new codes.

A golden accumulator is kept twice: as it is, and as its *residual*, the distance from the middle of its code in two
bytes (see `residual`). The residual says whether a difference can change the code and, with the code, gives the
accumulator back: the accumulator itself is read where a residual does not fit two bytes or a node has none.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.sparse.products import PAIRS, store_entries
from accel_sim.engine.sparse.residual import MOST, UNKNOWN
from accel_sim.engine.vector import F32, I1, I8, I16, I32, I64, constant, load, requantised, splat

UNKNOWN_SHIFT = 32


def _inside(builder, channels, lanes):
    """Choose the lanes of the channels that are left."""
    wide = ir.VectorType(I32, lanes)
    left = splat(builder, builder.trunc(channels, I32), wide)
    return builder.icmp_signed("<", ir.Constant(wide, list(range(lanes))), left)


def _mask(builder, chosen, lanes):
    return builder.zext(builder.bitcast(chosen, ir.IntType(lanes)), I64)


def _call(builder, name, result, arguments):
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), arguments)


def _exceeds(lanes):
    wide, bytes_ = (ir.VectorType(t, lanes) for t in (I32, I8))

    @intrinsic
    def exceeds(typingctx, sums, up, down, units, channels, shift):
        """Whether a difference of up to `lanes` channels, ``sums << shift``, exceeds its slack; addresses first."""

        def codegen(context, builder, signature, args):
            sums, up, down, units, channels, shift = args
            difference = builder.shl(load(builder, sums, wide), splat(builder, shift, wide))
            unit = load(builder, units, wide)
            above, below = (builder.shl(builder.zext(load(builder, side, bytes_), wide), unit) for side in (up, down))
            # -below <= difference <= above, as one unsigned comparison
            beyond = builder.icmp_unsigned(">", builder.add(difference, below), builder.add(above, below))
            return _mask(builder, builder.and_(beyond, _inside(builder, channels, lanes)), lanes)

        return types.int64(*[types.int64] * 5, types.int32), codegen

    return exceeds


def _narrowed(builder, words, halves):
    """Saturate int32 to int16."""
    bounds = (("smin", MOST), ("smax", UNKNOWN))
    for name, bound in bounds:
        words = _call(builder, f"llvm.{name}.v{words.type.count}i32", words.type, [words, constant(words.type, bound)])
    return builder.trunc(words, halves)


def _at_an_end(builder, halves):
    """Choose the lanes of int16 that hold the largest or (one of the two) smallest values."""
    negative = builder.icmp_signed("<", halves, constant(halves.type, 0))
    size = builder.select(negative, builder.neg(halves), halves)  # the smallest value is its own negative: 2**15
    return builder.icmp_unsigned(">=", size, constant(halves.type, MOST))


def _leaves(lanes):
    wide, halves = (ir.VectorType(t, lanes) for t in (I32, I16))

    @intrinsic
    def leaves(typingctx, sums, residual, margin, reach, channels, shift):
        """Channels whose difference, ``sums << shift``, may leave the golden code, and further up those not known.

        Addresses first. Of a channel that is not known, the residual does not tell the accumulator.
        """

        def codegen(context, builder, signature, args):
            sums, residual, margin, reach, channels, shift = args
            difference = builder.shl(load(builder, sums, wide), splat(builder, shift, wide))
            change = _narrowed(builder, difference, halves)
            here, margin, reach = (load(builder, place, halves) for place in (residual, margin, reach))
            there = _call(builder, f"llvm.sadd.sat.v{lanes}i16", halves, [here, change])
            # Farther from the middle of its code than any code reaches: saturated, and free to go on.
            stays_low = builder.icmp_signed("<", here, builder.neg(reach))
            stays_high = builder.icmp_signed(">", here, reach)
            above = builder.and_(builder.icmp_signed(">", there, margin), builder.not_(stays_high))
            below = builder.and_(builder.icmp_signed("<", there, builder.neg(margin)), builder.not_(stays_low))
            beyond = builder.or_(builder.or_(above, below), _at_an_end(builder, change))
            beyond = builder.or_(beyond, builder.icmp_signed("==", here, constant(halves, UNKNOWN)))
            few = builder.icmp_signed("<", channels, ir.Constant(I64, lanes))
            left = builder.trunc(builder.select(few, channels, ir.Constant(I64, lanes)), I16)
            inside = builder.icmp_signed("<", ir.Constant(halves, list(range(lanes))), splat(builder, left, halves))
            beyond = builder.and_(beyond, inside)
            unknown = _mask(builder, builder.and_(beyond, _at_an_end(builder, here)), lanes)
            return builder.or_(_mask(builder, beyond, lanes), builder.shl(unknown, ir.Constant(I64, UNKNOWN_SHIFT)))

        return types.int64(*[types.int64] * 5, types.int32), codegen

    return leaves


def _totals(builder, near, base, sums, golden, step, shift, add, lanes):
    """Add differences to accumulators, which stand at `base` themselves or as residuals."""
    wide, real, halves = (ir.VectorType(t, lanes) for t in (I32, F32, I16))
    total = builder.shl(load(builder, sums, wide), splat(builder, shift, wide))
    if not near:
        return builder.add(total, load(builder, base, wide))
    level = builder.sub(builder.zext(golden, wide), splat(builder, add, wide))
    middle = builder.fptosi(builder.fmul(builder.sitofp(level, real), load(builder, step, real)), wide)
    return builder.add(total, builder.add(middle, builder.sext(load(builder, base, halves), wide)))


def _settle(lanes, near):
    real, codes, mask = (ir.VectorType(t, lanes) for t in (F32, I8, I1))

    @intrinsic
    def settle(typingctx, base, sums, channels, golden, scale, step, out, shift, floor, ceiling, add):
        """Requantise up to `lanes` channels: ``rne(clamp(f32(acc + (sums << shift)) * scale)) + add``.

        All up to `out` but `channels` are addresses, `base` of accumulators or residuals. Codes that differ from the
        golden ones are written; returns whether there are any. No branch depends on it: which pixels change cannot be
        foreseen.
        """

        def codegen(context, builder, signature, args):
            base, sums, channels, golden, scale, step, out, shift, floor, ceiling, add = args
            before = load(builder, golden, codes)
            total = _totals(builder, near, base, sums, before, step, shift, add, lanes)
            code = requantised(builder, total, load(builder, scale, real), floor, ceiling, add, lanes)
            chosen = builder.and_(builder.icmp_unsigned("!=", code, before), _inside(builder, channels, lanes))
            pointer = builder.inttoptr(out, codes.as_pointer())
            name = f"llvm.masked.store.v{lanes}i8.p0"
            kind = ir.FunctionType(ir.VoidType(), [codes, pointer.type, I32, mask])
            write = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            builder.call(write, [code, pointer, ir.Constant(I32, 1), chosen])
            return _mask(builder, chosen, lanes)

        kinds = [types.int64] * 7 + [types.int32, types.float32, types.float32, types.int32]
        return types.int64(*kinds), codegen

    return settle


def _settle_pairs(near):
    lanes = 2 * PAIRS
    real, codes, halves = (ir.VectorType(t, lanes) for t in (F32, I8, I16))

    @intrinsic
    def settle_pairs(typingctx, base, sums, channels, golden, scale, step, out, first, shift, floor, ceiling, add):
        """Requantise up to sixteen channels of a pixel as above, and write the entries of those that differ.

        `first` and what is written to `out` are those of `changed_pairs`; returns how many entries there are.
        """

        def codegen(context, builder, signature, args):
            base, sums, channels, golden, scale, step, out, first, shift, floor, ceiling, add = args
            before = load(builder, golden, codes)
            total = _totals(builder, near, base, sums, before, step, shift, add, lanes)
            code = requantised(builder, total, load(builder, scale, real), floor, ceiling, add, lanes)
            difference = builder.sub(builder.zext(code, halves), builder.zext(before, halves))
            return store_entries(builder, difference, channels, first, out)

        kinds = [types.int64] * 8 + [types.int32, types.float32, types.float32, types.int32]
        return types.int64(*kinds), codegen

    return settle_pairs


exceeds_8, exceeds_16 = _exceeds(8), _exceeds(16)
leaves_8, leaves_16, leaves_32 = _leaves(8), _leaves(16), _leaves(32)
settle_8, settle_16, settle_pairs = _settle(8, near=False), _settle(16, near=False), _settle_pairs(near=False)
near_8, near_16, near_pairs = _settle(8, near=True), _settle(16, near=True), _settle_pairs(near=True)
