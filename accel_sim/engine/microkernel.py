"""The inner product: rows of unsigned bytes times a packed matrix of signed bytes, accumulated in wrapping int32.

On processors with AVX-512 VNNI one register tile is written in assembly (``vpdpbusd``: four products a lane, no
saturation); elsewhere a plain loop computes the same integers. Both read the same packed matrix.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
import os

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from accel_sim.engine.jit import cpu_has, jit

LANES = 16
ROWS = 12  # rows of a register tile: with two vectors of columns 24 of the 32 registers accumulate
HAS_VNNI = cpu_has("avx512vnni") and cpu_has("avx512f")


def portable() -> bool:
    """Whether ``ACCEL_SIM_PORTABLE`` asks for the path without processor-specific instructions (same bytes)."""
    return bool(os.environ.get("ACCEL_SIM_PORTABLE"))


@intrinsic
def copy_bytes(typingctx, target, source, count):
    """Copy `count` bytes between two addresses that do not overlap."""

    def codegen(context, builder, signature, args):
        target, source, count = args
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, ir.IntType(64), ir.IntType(1)])
        name = "llvm.memcpy.p0i8.p0i8.i64"
        copy = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        ends = [builder.inttoptr(address, pointer) for address in (target, source)]
        builder.call(copy, [*ends, count, ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


def _assembly(vectors: int) -> str:
    """Text of a register tile (AT&T syntax); ``%rdi`` holds the address of its eight arguments.

    Compilers unroll and reorder this loop until the accumulators no longer fit the registers; then its speed depends
    on how the stack happens to be aligned. Row i of `a` is at ``pointer[i // 3] + (i % 3) * lda``.
    """
    pointers = ("%rax", "%rsi", "%r12", "%r13")
    rows = [(pointer, form) for pointer in pointers for form in ("({p})", "({p},%rcx)", "({p},%rcx,2)")]
    advance = [f"add $$4, {p}" for p in pointers]
    steps = [f"vmovdqu32 {64 * j}(%rdx), %zmm{30 + j}" for j in range(vectors)]
    for i, (pointer, form) in enumerate(rows):
        spare = f"%zmm{24 + i % 6}"
        steps.append(f"vpbroadcastd {form.format(p=pointer)}, {spare}")
        steps += [f"vpdpbusd %zmm{30 + j}, {spare}, %zmm{i * vectors + j}" for j in range(vectors)]
    stores = [
        f"vmovdqu32 %zmm{i * vectors + j}, {64 * j}{form.format(p=pointer)}"
        for i, (pointer, form) in enumerate(rows)
        for j in range(vectors)
    ]
    thirds = ["lea (%rcx,%rcx,2), %r11", "lea (%rax,%r11), %rsi", "lea (%rsi,%r11), %r12", "lea (%r12,%r11), %r13"]
    lines = [
        *("mov (%rdi), %rax", "mov 8(%rdi), %rcx", "mov 16(%rdi), %rdx", "mov 24(%rdi), %r8", "mov 32(%rdi), %r9"),
        *("mov 40(%rdi), %r10", "lea (,%r8,4), %r14", "sub %r14, %r10"),
        *thirds,
        *(f"vpxord %zmm{n}, %zmm{n}, %zmm{n}" for n in range(ROWS * vectors)),
        *("2:", "mov %r8, %r14", "3:"),
        *steps,
        *advance,
        *(f"add $${64 * vectors}, %rdx", "dec %r14", "jnz 3b"),
        *(f"add %r10, {p}" for p in pointers),
        *("dec %r9", "jnz 2b", "mov 48(%rdi), %rax", "mov 56(%rdi), %rcx", "shl $$2, %rcx"),
        *thirds,
        *stores,
    ]
    return "\n".join(lines)


def _tile(vectors: int):
    used = ["rax", "rcx", "rdx", "rsi", *(f"r{n}" for n in range(8, 15)), *(f"zmm{n}" for n in range(32))]
    constraint = ",".join(["{rdi}", *(f"~{{{name}}}" for name in [*used, "memory", "dirflag", "fpsr", "flags"])])

    @intrinsic
    def tile(typingctx, a, lda, b, k4, segments, stride, c, ldc):
        """c[12, 16 * vectors] = a @ b; addresses as integers, `lda` and `stride` in bytes, `ldc` in int32 elements.

        A row of `a` is made of `segments` runs of ``4 * k4`` bytes, `stride` bytes from one run to the next.
        """

        def codegen(context, builder, signature, args):
            block = cgutils.alloca_once(builder, ir.ArrayType(ir.IntType(64), 8))
            for place, argument in enumerate(args):
                builder.store(argument, cgutils.gep_inbounds(builder, block, 0, place))
            kind = ir.FunctionType(ir.VoidType(), [block.type])
            builder.call(ir.InlineAsm(kind, _assembly(vectors), constraint, side_effect=True), [block])
            return context.get_dummy_value()

        return types.void(*[types.intp] * 8), codegen

    return tile


@jit
def rows_portable(a, packed, acc):
    """``acc[r, n] = sum_k a[r, k] * w[k, n]`` in plain loops."""
    rows, depth = a.shape
    columns = acc.shape[1]
    for r in range(rows):
        n = 0
        while n < columns:
            width = 32 if n + 32 <= columns else 16
            for lane in range(width):
                acc[r, n + lane] = 0
            for k4 in range(depth // 4):
                start = n * depth + k4 * width * 4
                for lane in range(width):
                    total = np.int32(0)
                    for j in range(4):
                        total += np.int32(a[r, 4 * k4 + j]) * np.int32(packed[start + 4 * lane + j])
                    acc[r, n + lane] += total
            n += width


@jit
def runs_portable(a, first, pitch, segments, stride, packed, depth, acc):
    """Rows made of runs: ``acc[r, n]`` sums ``a[first + r * pitch + s * stride + k] * w[s, k, n]`` over s and k."""
    rows, columns = acc.shape
    run = depth // segments
    for r in range(rows):
        n = 0
        while n < columns:
            width = 32 if n + 32 <= columns else 16
            for lane in range(width):
                acc[r, n + lane] = 0
            for k4 in range(depth // 4):
                place = first + r * pitch + (4 * k4) // run * stride + (4 * k4) % run
                start = n * depth + k4 * width * 4
                for lane in range(width):
                    total = np.int32(0)
                    for j in range(4):
                        total += np.int32(a[place + j]) * np.int32(packed[start + 4 * lane + j])
                    acc[r, n + lane] += total
            n += width


if HAS_VNNI:
    llvm.initialize_native_asmparser()
    _tile1, _tile2 = _tile(1), _tile(2)

    @jit
    def rows_fast(a, packed, acc):
        """``acc[r, n] = sum_k a[r, k] * w[k, n]``; rows a multiple of 12."""
        rows, depth = a.shape
        columns = acc.shape[1]
        base = packed.ctypes.data
        n = 0
        while n + 32 <= columns:
            for m in range(0, rows, ROWS):
                _tile2(a.ctypes.data + m * depth, depth, base + n * depth, depth // 4, 1, 0,
                       acc.ctypes.data + 4 * (m * columns + n), columns)  # fmt: skip
            n += 32
        if n < columns:
            for m in range(0, rows, ROWS):
                _tile1(a.ctypes.data + m * depth, depth, base + n * depth, depth // 4, 1, 0,
                       acc.ctypes.data + 4 * (m * columns + n), columns)  # fmt: skip

    @jit
    def runs_fast(a, first, pitch, segments, stride, packed, depth, acc):
        """As :func:`runs_portable`, with register tiles."""
        rows, columns = acc.shape
        base = packed.ctypes.data
        n = 0
        while n + 32 <= columns:
            for m in range(0, rows, ROWS):
                _tile2(a.ctypes.data + first + m * pitch, pitch, base + n * depth, depth // segments // 4,
                       segments, stride, acc.ctypes.data + 4 * (m * columns + n), columns)  # fmt: skip
            n += 32
        if n < columns:
            for m in range(0, rows, ROWS):
                _tile1(a.ctypes.data + first + m * pitch, pitch, base + n * depth, depth // segments // 4,
                       segments, stride, acc.ctypes.data + 4 * (m * columns + n), columns)  # fmt: skip
else:
    rows_fast = rows_portable
    runs_fast = runs_portable


@jit
def rows_times_matrix(a, packed, acc, portable):
    """Choose the path. The choice is an argument, not a global, because compiled callers are cached on disk."""
    if portable:
        rows_portable(a, packed, acc)
    else:
        rows_fast(a, packed, acc)


@jit
def runs_times_matrix(a, first, pitch, segments, stride, packed, depth, acc, portable):
    """Choose the path of :func:`runs_portable`."""
    if portable:
        runs_portable(a, first, pitch, segments, stride, packed, depth, acc)
    else:
        runs_fast(a, first, pitch, segments, stride, packed, depth, acc)


def pack(matrix: NDArray[np.int8]) -> tuple[NDArray[np.int8], int, int]:
    """Pack a (depth, columns) matrix of signed bytes into panels of 32 (the last one 16, if that suffices) columns.

    Returns
    -------
    packed : ndarray of int8, flat
        Panel by panel: groups of four consecutive depths, in them the columns, in them the four values.
    depth, columns
        Padded to multiples of 4 and of 16; the padding is zero.
    """
    depth = -(-matrix.shape[0] // 4) * 4
    columns = -(-matrix.shape[1] // 16) * 16
    padded = np.zeros((depth, columns), np.int8)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    panels = []
    for start in range(0, columns, 32):
        part = padded[:, start : start + 32]
        panels.append(part.reshape(depth // 4, 4, part.shape[1]).transpose(0, 2, 1).reshape(-1))
    return np.concatenate(panels), depth, columns
