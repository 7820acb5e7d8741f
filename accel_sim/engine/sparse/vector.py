"""Bits, bytes and words at addresses, and the flags of pixels, a vector at a time."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.vector import I1, I8, I32, I64, constant, load, store

PIXELS = 8  # whose flags are raised at a time


@intrinsic
def lowest_bit(typingctx, mask):
    """Return the position of the lowest set bit of a mask that is not zero."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(I1, 1))

    return types.int64(types.int64), codegen


@intrinsic
def highest_bit(typingctx, mask):
    """Return the position of the highest set bit of a mask that is not zero."""

    def codegen(context, builder, signature, args):
        return builder.sub(ir.Constant(I64, 63), builder.ctlz(args[0], ir.Constant(I1, 1)))

    return types.int64(types.int64), codegen


@intrinsic
def prefetch(typingctx, address):
    """Ask for the cache line at an address, to be read soon."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
        name = "llvm.prefetch.p0i8"
        ask = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(ask, [pointer, ir.Constant(I32, 0), ir.Constant(I32, 3), ir.Constant(I32, 1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def count_bits(typingctx, mask):
    """Return how many bits of a mask are set."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.int64), codegen


def _peek(kind, result):
    @intrinsic
    def peek(typingctx, address):
        """Read the value at an address."""

        def codegen(context, builder, signature, args):
            return load(builder, args[0], kind)

        return result(types.int64), codegen

    return peek


def _poke(kind):
    @intrinsic
    def poke(typingctx, address, value):
        """Write a value to an address."""

        def codegen(context, builder, signature, args):
            store(builder, args[1], args[0])
            return context.get_dummy_value()

        return types.void(types.int64, kind), codegen

    return poke


poke_byte, poke_half, poke_word = _poke(types.uint8), _poke(types.int32), _poke(types.int64)
peek_byte, peek_word, peek_half = _peek(I8, types.uint8), _peek(I64, types.int64), _peek(I32, types.int32)


@intrinsic
def nonzero_bytes(typingctx, address):
    """Return the mask of the bytes that are not zero among the 64 at an address."""

    def codegen(context, builder, signature, args):
        kind = ir.VectorType(I8, 64)
        return builder.bitcast(builder.icmp_unsigned("!=", load(builder, args[0], kind), constant(kind, 0)), I64)

    return types.int64(types.int64), codegen


@intrinsic
def differing_bytes(typingctx, first, second):
    """Return the mask of the bytes that differ among the 64 at each of two addresses."""

    def codegen(context, builder, signature, args):
        kind = ir.VectorType(I8, 64)
        differs = builder.icmp_unsigned("!=", load(builder, args[0], kind), load(builder, args[1], kind))
        return builder.bitcast(differs, I64)

    return types.int64(types.int64, types.int64), codegen


def _flag_pixels(words):
    """Make a kernel for eight pixels of `words` x 8 bytes (one or two)."""
    wide, codes = ir.VectorType(I64, PIXELS), ir.VectorType(I8, PIXELS)

    @intrinsic
    def flag_pixels(typingctx, first, second, flags):
        """Raise the flags (eight bytes) of the pixels that differ between two addresses; returns their mask."""

        def codegen(context, builder, signature, args):
            first, second, flags = args
            parts = []
            for part in range(words):
                shift = ir.Constant(I64, 64 * part)
                sides = [load(builder, builder.add(side, shift), wide) for side in (first, second)]
                parts.append(builder.xor(*sides))
            if words == 2:
                kind = ir.VectorType(I32, PIXELS)
                picks = [ir.Constant(kind, [2 * lane + half for lane in range(PIXELS)]) for half in (0, 1)]
                parts = [builder.or_(*(builder.shuffle_vector(*parts, pick) for pick in picks))]
            differs = builder.icmp_unsigned("!=", parts[0], constant(wide, 0))
            raised = builder.or_(load(builder, flags, codes), builder.zext(differs, codes))
            store(builder, raised, flags)
            return builder.zext(builder.bitcast(differs, I8), I64)

        return types.int64(*[types.int64] * 3), codegen

    return flag_pixels


flag_eights, flag_sixteens = _flag_pixels(1), _flag_pixels(2)
