"""Differences, eight accumulators at a time."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.jit import cpu_has
from accel_sim.engine.vector import I8, I16, I32, I64, LANES, V8, V32, VF, load, requantised, splat, store

HAS_DOT = cpu_has("avx512vnni") and cpu_has("avx512vl")
V16X2 = ir.VectorType(I16, 2 * LANES)


def _dot_pairs(builder, total, pairs, weights):
    """``total[i] += pairs[2i] * weights[2i] + pairs[2i + 1] * weights[2i + 1]`` in eight int32 lanes, modulo 2**32."""
    if HAS_DOT:
        name, kind = "llvm.x86.avx512.vpdpwssd.256", ir.FunctionType(V32, [V32] * 3)
        dot = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(dot, [total, pairs, builder.bitcast(weights, V32)])
    codes = builder.bitcast(pairs, V16X2)
    for half in (0, 1):
        pick = ir.Constant(V32, [2 * lane + half for lane in range(LANES)])
        sides = [builder.shuffle_vector(v, ir.Constant(V16X2, ir.Undefined), pick) for v in (codes, weights)]
        product = builder.mul(builder.sext(sides[0], V32), builder.sext(sides[1], V32))
        total = builder.add(total, product)
    return total


@intrinsic
def add_products(typingctx, target, weights, entries, count, pitch, blocks):
    """Add the products of the changed channels of one pixel to one accumulator row.

    ``target[o] += sum_j pair_j . weights[index_j, o]`` for ``8 * blocks`` outputs. An entry is two int32: two int16
    differences of neighbouring channels in one, and the number of the pair; the weights of a pair are (outputs, 2)
    int16, `pitch` bytes from one pair to the next. `target`, `weights` and `entries` are addresses;
    there is one entry at least.
    """

    def codegen(context, builder, signature, args):
        target, weights, entries, count, pitch, blocks = args
        zero, one = ir.Constant(I64, 0), ir.Constant(I64, 1)
        before = builder.block
        outer, inner, after, done = (
            builder.function.append_basic_block(n) for n in ("outer", "inner", "after", "done")
        )
        builder.branch(outer)

        builder.position_at_end(outer)
        block = builder.phi(I64)
        block.add_incoming(zero, before)
        shift = builder.mul(block, ir.Constant(I64, 4 * LANES))
        place, column = builder.add(target, shift), builder.add(weights, shift)
        start = load(builder, place, V32)
        builder.branch(inner)

        builder.position_at_end(inner)
        entry, total = builder.phi(I64), builder.phi(V32)
        entry.add_incoming(zero, outer)
        total.add_incoming(start, outer)
        where = builder.add(entries, builder.mul(entry, ir.Constant(I64, 8)))
        pairs = splat(builder, load(builder, where, I32), V32)
        number = builder.sext(load(builder, builder.add(where, ir.Constant(I64, 4)), I32), I64)
        row = load(builder, builder.add(column, builder.mul(number, pitch)), V16X2)
        summed = _dot_pairs(builder, total, pairs, row)
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
