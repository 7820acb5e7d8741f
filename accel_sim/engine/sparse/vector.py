"""Differences of codes and their products with weights, a vector at a time.

An *entry* is 64 bits: the differences of two neighbouring channels of a pixel as two int16 in the lower half, the
number of the pair in the upper half. The weights of a pair are (outputs, 2) int16, so that one instruction multiplies
both and adds them up.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.jit import cpu_has
from accel_sim.engine.vector import F32, I1, I8, I16, I32, I64, constant, load, requantised, splat, store

HAS_DOT = cpu_has("avx512vnni") and cpu_has("avx512vl")
HAS_COMPRESS = cpu_has("avx512f")
PAIRS = 8  # pairs of channels, or entries, handled at a time


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


@intrinsic
def changed_pairs(typingctx, before, after, channels, first, out):
    """Write the entries of up to sixteen channels of a pixel; returns how many, writes eight.

    `before`, `after` and `out` are addresses; `channels` are left from this address on; `first` is the number of the
    first pair.
    """

    def codegen(context, builder, signature, args):
        before, after, channels, first, out = args
        bytes_, halves = ir.VectorType(I8, 2 * PAIRS), ir.VectorType(I16, 2 * PAIRS)
        words, wide = ir.VectorType(I32, PAIRS), ir.VectorType(I64, PAIRS)
        old, new = (builder.zext(load(builder, place, bytes_), halves) for place in (before, after))
        lanes = ir.Constant(halves, list(range(2 * PAIRS)))
        few = builder.icmp_signed("<", channels, ir.Constant(I64, 2 * PAIRS))
        left = builder.trunc(builder.select(few, channels, ir.Constant(I64, 2 * PAIRS)), I16)
        inside = builder.icmp_signed("<", lanes, splat(builder, left, halves))
        difference = builder.select(inside, builder.sub(new, old), constant(halves, 0))
        pairs = builder.bitcast(difference, words)
        chosen = builder.icmp_unsigned("!=", pairs, constant(words, 0))
        numbers = builder.add(splat(builder, first, wide), ir.Constant(wide, list(range(PAIRS))))
        entries = builder.or_(builder.zext(pairs, wide), builder.shl(numbers, constant(wide, 32)))
        _store_chosen(builder, entries, chosen, out)
        return builder.zext(builder.ctpop(builder.bitcast(chosen, I8)), I64)

    return types.int64(*[types.int64] * 5), codegen


@intrinsic
def append_entries(typingctx, out, entries, count, offset):
    """Copy `count` entries between two addresses and add `offset` to their numbers; up to seven more are written."""

    def codegen(context, builder, signature, args):
        out, entries, count, offset = args
        wide = ir.VectorType(I64, PAIRS)
        added = splat(builder, builder.shl(offset, ir.Constant(I64, 32)), wide)
        before = builder.block
        body, done = (builder.function.append_basic_block(n) for n in ("copy", "copied"))
        builder.branch(body)
        builder.position_at_end(body)
        place = builder.phi(I64)
        place.add_incoming(ir.Constant(I64, 0), before)
        shift = builder.shl(place, ir.Constant(I64, 3))
        moved = builder.add(load(builder, builder.add(entries, shift), wide), added)
        store(builder, moved, builder.add(out, shift))
        following = builder.add(place, ir.Constant(I64, PAIRS))
        place.add_incoming(following, body)
        builder.cbranch(builder.icmp_signed("<", following, count), body, done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), codegen


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


def _sum_entries(builder, lanes, weights, entries, fours, pitch):
    """Sum the products of all entries with one vector of outputs; `fours` is a quarter of their number, rounded up.

    Four sums take turns, so that an addition need not wait for the one before it, and the loop rarely runs more than
    twice, so that the processor guesses its end.
    """
    wide = ir.VectorType(I32, lanes)
    zero = constant(wide, 0)
    before = builder.block
    head, body, done = (builder.function.append_basic_block(n) for n in ("sum.head", "sum.body", "sum.done"))
    builder.branch(head)
    builder.position_at_end(head)
    place = builder.phi(I64)
    place.add_incoming(ir.Constant(I64, 0), before)
    totals = [builder.phi(wide) for _ in range(4)]
    for phi in totals:
        phi.add_incoming(zero, before)
    builder.cbranch(builder.icmp_signed("<", place, fours), body, done)
    builder.position_at_end(body)
    at = builder.add(entries, builder.shl(place, ir.Constant(I64, 5)))
    for step, total in enumerate(totals):
        entry = load(builder, builder.add(at, ir.Constant(I64, 8 * step)), I64)
        pairs = splat(builder, builder.trunc(entry, I32), wide)
        row = builder.add(weights, builder.mul(builder.lshr(entry, ir.Constant(I64, 32)), pitch))
        total.add_incoming(_dot_pairs(builder, total, pairs, load(builder, row, wide), lanes), body)
    place.add_incoming(builder.add(place, ir.Constant(I64, 1)), body)
    builder.branch(head)
    builder.position_at_end(done)
    return builder.add(builder.add(totals[0], totals[1]), builder.add(totals[2], totals[3]))


def _blocks(builder, channels, lanes):
    """Begin a loop over vectors of outputs; returns the first channel and a function that ends the loop."""
    before = builder.block
    body, done = (builder.function.append_basic_block(n) for n in ("block", "block.done"))
    builder.branch(body)
    builder.position_at_end(body)
    channel = builder.phi(I64)
    channel.add_incoming(ir.Constant(I64, 0), before)

    def end():
        following = builder.add(channel, ir.Constant(I64, lanes))
        channel.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, channels), body, done)
        builder.position_at_end(done)

    return channel, end


def _cell(builder):
    """Reserve an int64 on the stack, zero at this point."""
    with builder.goto_entry_block():
        place = builder.alloca(I64)
    builder.store(ir.Constant(I64, 0), place)
    return place


def _pixel_codes(lanes):
    wide, real, codes = (ir.VectorType(t, lanes) for t in (I32, F32, I8))

    @intrinsic
    def pixel_codes(typingctx, acc, weights, entries, fours, channels, golden, scale, out, shift, floor, ceiling, add):
        """Requantise one pixel: ``rne(clamp(f32(acc + (sum << shift)) * scale)) + add``; returns whether any differs.

        The first four arguments but `fours` and `golden`, `scale`, `out` are addresses. Whole vectors are written.
        """

        def codegen(context, builder, signature, args):
            acc, weights, entries, fours, channels, golden, scale, out, shift, floor, ceiling, add = args
            rounded = builder.and_(builder.add(channels, ir.Constant(I64, 7)), ir.Constant(I64, -8))
            pitch = builder.shl(rounded, ir.Constant(I64, 2))
            found = _cell(builder)
            channel, end = _blocks(builder, channels, lanes)
            words = builder.shl(channel, ir.Constant(I64, 2))
            total = _sum_entries(builder, lanes, builder.add(weights, words), entries, fours, pitch)
            total = builder.shl(total, splat(builder, shift, wide))
            total = builder.add(total, load(builder, builder.add(acc, words), wide))
            factor = load(builder, builder.add(scale, words), real)
            code = requantised(builder, total, factor, floor, ceiling, add, lanes)
            store(builder, code, builder.add(out, channel))
            differs = builder.icmp_unsigned("!=", code, load(builder, builder.add(golden, channel), codes))
            left = builder.trunc(builder.sub(channels, channel), I32)
            inside = builder.icmp_signed("<", ir.Constant(wide, list(range(lanes))), splat(builder, left, wide))
            chosen = builder.bitcast(builder.and_(differs, inside), ir.IntType(lanes))
            builder.store(builder.or_(builder.load(found), builder.zext(chosen, I64)), found)
            end()
            return builder.load(found)

        kinds = [types.int64] * 8 + [types.int32, types.float32, types.float32, types.int32]
        return types.int64(*kinds), codegen

    return pixel_codes


def _pixel_sums(lanes):
    @intrinsic
    def pixel_sums(typingctx, weights, entries, fours, channels, out):
        """Write the sums of the products of all entries with the outputs of one pixel, as int32, whole vectors."""

        def codegen(context, builder, signature, args):
            weights, entries, fours, channels, out = args
            rounded = builder.and_(builder.add(channels, ir.Constant(I64, 7)), ir.Constant(I64, -8))
            pitch = builder.shl(rounded, ir.Constant(I64, 2))
            channel, end = _blocks(builder, channels, lanes)
            words = builder.shl(channel, ir.Constant(I64, 2))
            total = _sum_entries(builder, lanes, builder.add(weights, words), entries, fours, pitch)
            store(builder, total, builder.add(out, words))
            end()
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return pixel_sums


pixel_codes_8, pixel_codes_16 = _pixel_codes(8), _pixel_codes(16)
pixel_sums_16 = _pixel_sums(16)


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


poke_byte, poke_word = _poke(types.uint8), _poke(types.int64)
peek_byte, peek_word = _peek(I8, types.uint8), _peek(I64, types.int64)


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
    wide, codes = ir.VectorType(I64, PAIRS), ir.VectorType(I8, PAIRS)

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
                kind = ir.VectorType(I32, PAIRS)
                picks = [ir.Constant(kind, [2 * lane + half for lane in range(PAIRS)]) for half in (0, 1)]
                parts = [builder.or_(*(builder.shuffle_vector(*parts, pick) for pick in picks))]
            differs = builder.icmp_unsigned("!=", parts[0], constant(wide, 0))
            raised = builder.or_(load(builder, flags, codes), builder.zext(differs, codes))
            store(builder, raised, flags)
            return builder.zext(builder.bitcast(differs, I8), I64)

        return types.int64(*[types.int64] * 3), codegen

    return flag_pixels


flag_eights, flag_sixteens = _flag_pixels(1), _flag_pixels(2)
