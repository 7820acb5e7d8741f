"""Operations on stretches of bytes, 64 at a time where the stretch is long enough: copies, tables, maxima, flags."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from accel_sim.engine.jit import cpu_has
from accel_sim.engine.vector import I8, I32, I64, constant, load, splat, store

HAS_TABLES = cpu_has("avx512vbmi")
WIDTHS = (64, 8, 1)
BLOCK = ir.VectorType(I8, 64)


def _loops(builder, count, body):
    """Cover `count` bytes with `body(place, width)`, in the widest pieces that fit."""
    place = ir.Constant(I64, 0)
    for width in WIDTHS:
        before = builder.block
        head, inside, done = (builder.function.append_basic_block(f"{n}.{width}") for n in ("head", "inside", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        current = builder.phi(I64)
        current.add_incoming(place, before)
        following = builder.add(current, ir.Constant(I64, width))
        builder.cbranch(builder.icmp_signed("<=", following, count), inside, done)
        builder.position_at_end(inside)
        body(current, width)
        current.add_incoming(following, builder.block)
        builder.branch(head)
        builder.position_at_end(done)
        place = current


def _combine(operation):
    @intrinsic
    def combined(typingctx, target, source, count):
        """Combine `count` bytes at an address with those at another, in place."""

        def codegen(context, builder, signature, args):
            target, source, count = args

            def body(place, width):
                kind = ir.VectorType(I8, width)
                at = builder.add(target, place)
                other = load(builder, builder.add(source, place), kind)
                store(builder, operation(builder, load(builder, at, kind), other), at)

            _loops(builder, count, body)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 3), codegen

    return combined


def _largest(builder, one, other):
    return builder.select(builder.icmp_unsigned(">", one, other), one, other)


copy_stretch = _combine(lambda _, __, source: source)
or_stretch = _combine(lambda builder, target, source: builder.or_(target, source))
max_stretch = _combine(_largest)


def _single(builder, target, source, table, place):
    code = builder.zext(load(builder, builder.add(source, place), I8), I64)
    store(builder, load(builder, builder.add(table, code), I8), builder.add(target, place))


def _looked_up(builder, table, codes):
    """Return the bytes that 64 codes select among 256 at an address, by two permutes of half a table each."""
    name = "llvm.x86.avx512.vpermi2var.qi.512"
    pick = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(codes.type, [codes.type] * 3), name
    )
    quarters = [load(builder, builder.add(table, ir.Constant(I64, 64 * q)), codes.type) for q in range(4)]
    low = builder.call(pick, [quarters[0], codes, quarters[1]])  # the index counts modulo 128
    high = builder.call(pick, [quarters[2], codes, quarters[3]])
    return builder.select(builder.icmp_signed("<", codes, constant(codes.type, 0)), high, low)


@intrinsic
def lookup_stretch(typingctx, target, source, table, count):
    """``target[i] = table[source[i]]`` for `count` bytes; `table` is the address of 256 bytes."""

    def codegen(context, builder, signature, args):
        target, source, table, count = args

        def body(place, width):
            if width < 64 or not HAS_TABLES:
                for step in range(width):
                    _single(builder, target, source, table, builder.add(place, ir.Constant(I64, step)))
                return
            codes = load(builder, builder.add(source, place), BLOCK)
            store(builder, _looked_up(builder, table, codes), builder.add(target, place))

        _loops(builder, count, body)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), codegen


def _first_lanes(builder, count):
    """Return the mask of the first `count` of 64 lanes."""
    lanes = ir.Constant(BLOCK, list(range(64)))
    return builder.icmp_unsigned("<", lanes, splat(builder, builder.trunc(count, I8), BLOCK))


def _store_lanes(builder, value, address, mask):
    pointer = builder.inttoptr(address, BLOCK.as_pointer())
    name = "llvm.masked.store.v64i8.p0"
    kind = ir.FunctionType(ir.VoidType(), [BLOCK, pointer.type, I32, mask.type])
    write = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    builder.call(write, [value, pointer, ir.Constant(I32, 1), mask])


@intrinsic
def copy_short(typingctx, target, source, count):
    """Copy up to 64 bytes between addresses without a branch; 64 may be read."""

    def codegen(context, builder, signature, args):
        target, source, count = args
        _store_lanes(builder, load(builder, source, BLOCK), target, _first_lanes(builder, count))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), codegen


@intrinsic
def fill_short(typingctx, target, count):
    """Write zeros to up to 64 bytes at an address without a branch."""

    def codegen(context, builder, signature, args):
        target, count = args
        _store_lanes(builder, constant(BLOCK, 0), target, _first_lanes(builder, count))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 2), codegen


@intrinsic
def lookup_short(typingctx, target, source, table, count):
    """``target[i] = table[source[i]]`` for up to 64 bytes; 64 may be read."""

    def codegen(context, builder, signature, args):
        target, source, table, count = args
        if HAS_TABLES:
            found = _looked_up(builder, table, load(builder, source, BLOCK))
            _store_lanes(builder, found, target, _first_lanes(builder, count))
        else:
            _loops(builder, count, lambda place, width: [
                _single(builder, target, source, table, builder.add(place, ir.Constant(I64, step)))
                for step in range(width)
            ])  # fmt: skip
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), codegen
