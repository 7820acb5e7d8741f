"""Differences, eight accumulators at a time."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.jit import cpu_has
from accel_sim.engine.vector import I8, I16, I32, I64, LANES, V8, V32, VF, load, requantised, splat, store

HAS_DOT = cpu_has("avx512vnni") and cpu_has("avx512vl")


def _dot_pairs(builder, total, pairs, weights, lanes):
    """``total[i] += pairs[2i] * weights[2i] + pairs[2i + 1] * weights[2i + 1]`` in int32 lanes, modulo 2**32."""
    wide, halves = ir.VectorType(I32, lanes), ir.VectorType(I16, 2 * lanes)
    if HAS_DOT:
        name, kind = f"llvm.x86.avx512.vpdpwssd.{32 * lanes}", ir.FunctionType(wide, [wide] * 3)
        dot = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(dot, [total, pairs, builder.bitcast(weights, wide)])
    codes = builder.bitcast(pairs, halves)
    for half in (0, 1):
        pick = ir.Constant(wide, [2 * lane + half for lane in range(lanes)])
        sides = [builder.shuffle_vector(v, ir.Constant(halves, ir.Undefined), pick) for v in (codes, weights)]
        total = builder.add(total, builder.mul(builder.sext(sides[0], wide), builder.sext(sides[1], wide)))
    return total


def _add_products(lanes):
    wide, halves = ir.VectorType(I32, lanes), ir.VectorType(I16, 2 * lanes)

    @intrinsic
    def add_products(typingctx, target, weights, entries, count, pitch, blocks):
        """Add the products of the changed channels of one pixel to one accumulator row.

        ``target[o] += sum_j pair_j . weights[index_j, o]`` for ``lanes * blocks`` outputs. An entry is two int32: two
        int16 differences of neighbouring channels in one, and the number of the pair; the weights of a pair are
        (outputs, 2) int16, `pitch` bytes from one pair to the next. `target`, `weights` and `entries` are addresses;
        there is one entry at least.
        """

        def codegen(context, builder, signature, args):
            target, weights, entries, count, pitch, blocks = args
            zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
            before = builder.block
            names = ("outer", "inner", "after", "done")
            outer, inner, after, done = (builder.function.append_basic_block(n) for n in names)
            builder.branch(outer)

            builder.position_at_end(outer)
            block = builder.phi(I64)
            block.add_incoming(zero, before)
            shift = builder.mul(block, ir.Constant(I64, 4 * lanes))
            place, column = builder.add(target, shift), builder.add(weights, shift)
            start = load(builder, place, wide)
            builder.branch(inner)

            builder.position_at_end(inner)
            entry, total = builder.phi(I64), builder.phi(wide)
            entry.add_incoming(zero, outer)
            total.add_incoming(start, outer)
            where = builder.add(entries, builder.mul(entry, ir.Constant(I64, 8)))
            pairs = splat(builder, load(builder, where, I32), wide)
            number = builder.sext(load(builder, builder.add(where, ir.Constant(I64, 4)), I32), I64)
            row = load(builder, builder.add(column, builder.mul(number, pitch)), halves)
            summed = _dot_pairs(builder, total, pairs, row, lanes)
            following = builder.add(entry, one)
            entry.add_incoming(following, inner)
            total.add_incoming(summed, inner)
            builder.cbranch(builder.icmp_signed("<", following, count), inner, after)

            builder.position_at_end(after)
            store(builder, summed, place)
            next_block = builder.add(block, one)
            block.add_incoming(next_block, after)
            builder.cbranch(builder.icmp_signed("<", next_block, blocks), outer, done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 6), codegen

    return add_products


add_products_8, add_products_16 = _add_products(8), _add_products(16)


@intrinsic
def settle_eight(typingctx, acc, delta, golden, scale, out, shift, floor, ceiling, add):
    """Requantise eight accumulators with their differences.

    ``code = rne(clamp(f32(acc + (delta << shift)) * scale)) + add``; the codes go to `out`, the differences are zeroed,
    and a mask of the lanes whose code is not the golden one is returned. All but the last four arguments are addresses.
    """

    def codegen(context, builder, signature, args):
        acc, delta, golden, scale, out, shift, floor, ceiling, add = args
        change = builder.shl(load(builder, delta, V32), splat(builder, shift, V32))
        total = builder.add(load(builder, acc, V32), change)
        store(builder, ir.Constant(V32, [0] * LANES), delta)
        code = requantised(builder, total, load(builder, scale, VF), floor, ceiling, add)
        store(builder, code, out)
        differs = builder.icmp_unsigned("!=", code, load(builder, golden, V8))
        return builder.zext(builder.bitcast(differs, I8), I64)

    arguments = [types.intp] * 5 + [types.int32, types.float32, types.float32, types.int32]
    return types.int64(*arguments), codegen


@intrinsic
def lowest_bit(typingctx, mask):
    """Return the position of the lowest set bit of a mask that is not zero."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@intrinsic
def differing_bytes(typingctx, first, second):
    """Return the mask of the bytes that differ among the 64 at each of two addresses."""

    def codegen(context, builder, signature, args):
        kind = ir.VectorType(I8, 64)
        differs = builder.icmp_unsigned("!=", load(builder, args[0], kind), load(builder, args[1], kind))
        return builder.bitcast(differs, I64)

    return types.int64(types.intp, types.intp), codegen
