"""Requantisation of eight accumulators at a time, as LLVM vectors: any processor compiles them to what it has."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
I1, I8, I16, I32, I64 = (ir.IntType(n) for n in (1, 8, 16, 32, 64))
F32 = ir.FloatType()
V8, V32 = (ir.VectorType(t, LANES) for t in (I8, I32))
VF = ir.VectorType(F32, LANES)


def load(builder, address, kind):
    """Load a value of any type from an address without alignment."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def store(builder, value, address):
    """Store a value to an address without alignment."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def constant(kind, value):
    """Return a constant vector of equal values."""
    return ir.Constant(kind, [value] * kind.count)


def splat(builder, value, kind):
    """Return a vector of equal values."""
    undefined = ir.Constant(kind, ir.Undefined)
    vector = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    pick = ir.VectorType(I32, kind.count)
    return builder.shuffle_vector(vector, undefined, ir.Constant(pick, [0] * kind.count))


def requantised(builder, total, scale, floor, ceiling, add, lanes=LANES):
    """Return the bytes ``rne(clamp(f32(total) * scale)) + add`` of a vector of accumulators."""
    words, reals, codes = (ir.VectorType(t, lanes) for t in (I32, F32, I8))
    value = builder.fmul(builder.sitofp(total, reals), scale)
    low, high = splat(builder, floor, reals), splat(builder, ceiling, reals)
    value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
    value = builder.select(builder.fcmp_ordered("<", value, high), value, high)
    rounder = constant(reals, 12582912.0)
    value = builder.fsub(builder.fadd(value, rounder), rounder)
    return builder.trunc(builder.add(builder.fptosi(value, words), splat(builder, add, words)), codes)


@intrinsic
def store_eight(typingctx, acc, fixed, scale, out, floor, ceiling, add):
    """Add a constant per channel to eight accumulators, requantise them, store eight bytes; four addresses first."""

    def codegen(context, builder, signature, args):
        acc, fixed, scale, out, floor, ceiling, add = args
        total = builder.add(load(builder, acc, V32), load(builder, fixed, V32))
        store(builder, requantised(builder, total, load(builder, scale, VF), floor, ceiling, add), out)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4, types.float32, types.float32, types.int32), codegen
