"""Eight lanes at a time, written as LLVM vectors: they compile on every processor, and to its widest registers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment,var-annotated"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.jit import cpu_has

LANES = 8
HAS_DOT = cpu_has("avx512vnni") and cpu_has("avx512vl")
_I8, _I16, _I32, _I64 = (ir.IntType(n) for n in (8, 16, 32, 64))
_F32 = ir.FloatType()
_V8, _V32 = (ir.VectorType(t, LANES) for t in (_I8, _I32))
_V16X2 = ir.VectorType(_I16, 2 * LANES)
_VF = ir.VectorType(_F32, LANES)


def _load(builder, address, kind):
    pointer = builder.inttoptr(address, kind.as_pointer())
    return builder.load(pointer, align=1)


def _store(builder, value, address):
    pointer = builder.inttoptr(address, value.type.as_pointer())
    builder.store(value, pointer, align=1)


def _splat(builder, value, kind):
    vector = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(vector, ir.Constant(kind, ir.Undefined), ir.Constant(_V32, [0] * LANES))


def _dot_pairs(builder, total, pairs, weights):
    """``total[i] += pairs[2i] * weights[2i] + pairs[2i + 1] * weights[2i + 1]`` in eight int32 lanes, modulo 2**32."""
    if HAS_DOT:
        name, kind = "llvm.x86.avx512.vpdpwssd.256", ir.FunctionType(_V32, [_V32] * 3)
        dot = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(dot, [total, pairs, builder.bitcast(weights, _V32)])
    codes = builder.bitcast(pairs, _V16X2)
    for half in (0, 1):
        pick = ir.Constant(_V32, [2 * lane + half for lane in range(LANES)])
        sides = [builder.shuffle_vector(v, ir.Constant(_V16X2, ir.Undefined), pick) for v in (codes, weights)]
        product = builder.mul(builder.sext(sides[0], _V32), builder.sext(sides[1], _V32))
        total = builder.add(total, product)
    return total


@intrinsic
def add_products(typingctx, target, weights, entries, count, pitch, blocks):
    """Add the products of the changed channels of one pixel to one accumulator row.

    ``target[o] += sum_j pair_j . weights[index_j, o]`` for ``8 * blocks`` outputs. An entry is two int32: two int16
    differences of neighbouring channels in one, and the number of the pair; the weights of a pair are (outputs, 2)
    int16, `pitch` bytes from one pair to the next. `target`, `weights` and `entries` are addresses; there is one entry at least.
    """

    def codegen(context, builder, signature, args):
        target, weights, entries, count, pitch, blocks = args
        zero, one = ir.Constant(_I64, 0), ir.Constant(_I64, 1)
        before = builder.block
        outer, inner, after, done = (
            builder.function.append_basic_block(n) for n in ("outer", "inner", "after", "done")
        )
        builder.branch(outer)

        builder.position_at_end(outer)
        block = builder.phi(_I64)
        block.add_incoming(zero, before)
        shift = builder.mul(block, ir.Constant(_I64, 4 * LANES))
        place, column = builder.add(target, shift), builder.add(weights, shift)
        start = _load(builder, place, _V32)
        builder.branch(inner)

        builder.position_at_end(inner)
        entry, total = builder.phi(_I64), builder.phi(_V32)
        entry.add_incoming(zero, outer)
        total.add_incoming(start, outer)
        where = builder.add(entries, builder.mul(entry, ir.Constant(_I64, 8)))
        pairs = _splat(builder, _load(builder, where, _I32), _V32)
        number = builder.sext(_load(builder, builder.add(where, ir.Constant(_I64, 4)), _I32), _I64)
        row = _load(builder, builder.add(column, builder.mul(number, pitch)), _V16X2)
        summed = _dot_pairs(builder, total, pairs, row)
        following = builder.add(entry, one)
        entry.add_incoming(following, inner)
        total.add_incoming(summed, inner)
        builder.cbranch(builder.icmp_signed("<", following, count), inner, after)

        builder.position_at_end(after)
        _store(builder, summed, place)
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
        change = builder.shl(_load(builder, delta, _V32), _splat(builder, shift, _V32))
        total = builder.add(_load(builder, acc, _V32), change)
        _store(builder, ir.Constant(_V32, [0] * LANES), delta)
        value = builder.fmul(builder.sitofp(total, _VF), _load(builder, scale, _VF))
        low, high = _splat(builder, floor, _VF), _splat(builder, ceiling, _VF)
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        value = builder.select(builder.fcmp_ordered("<", value, high), value, high)
        rounder = ir.Constant(_VF, [12582912.0] * LANES)
        value = builder.fsub(builder.fadd(value, rounder), rounder)
        code = builder.add(builder.fptosi(value, _V32), _splat(builder, add, _V32))
        code = builder.trunc(code, _V8)
        _store(builder, code, out)
        differs = builder.icmp_unsigned("!=", code, _load(builder, golden, _V8))
        return builder.zext(builder.bitcast(differs, _I8), _I64)

    arguments = [types.intp] * 5 + [types.int32, types.float32, types.float32, types.int32]
    return types.int64(*arguments), codegen
