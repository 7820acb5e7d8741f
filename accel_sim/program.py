"""What the compiler writes and the machine and the RTL run: instructions, constants and the meaning of addresses."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig, MemorySpec, memory_map
from accel_sim.config.memories import DDR_ROW_BYTES, INSTRUCTION_BYTES
from accel_sim.errors import InputError
from accel_sim.isa import Alu, AluOp, Instruction, Transfer, decode, encode

FORMAT = "accel-sim program 1"


@dataclass(frozen=True)
class TensorSymbol:
    """Where a tensor of codes lies in DDR: stored bytes (int8 codes plus 128), channels last.

    Attributes
    ----------
    name
        The ONNX tensor.
    shape, dtype
        ONNX shape and type.
    address
        DDR byte of element (0, 0, 0, 0) of ``(n, h, w, c)``; None for values that only the host has.
    extent
        ``(n, h, w, c)``.
    pitches
        DDR bytes from one image, line and pixel to the next; they exceed the extent inside a concatenation.
    resident
        ``(base, pitch_y, pitch_x)`` in image memory, or None for tensors that pass through tiles.
    interval
        Numbers of the first instruction that writes it and of the last that reads it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    address: int | None
    extent: tuple[int, int, int, int]
    pitches: tuple[int, int, int]
    resident: tuple[int, int, int] | None = None
    interval: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class ConstantSymbol:
    """A block of constants in DDR.

    Attributes
    ----------
    name
        The ONNX parameter, or a name of the compiler for derived constants.
    role
        ``weight``, ``bias``, ``operand``, ``parameters`` (requantisation), ``table`` or ``fill``.
    layer
        Number of the layer that reads it.
    address
        DDR byte of its first byte.
    elements
        int32, one entry per byte: flat ONNX index of the element that the byte belongs to, or -1 for padding.
    """

    name: str
    role: str
    layer: int
    address: int
    elements: NDArray[np.int32]


@dataclass(frozen=True)
class HostCall:
    """A node that the host runs between two instructions."""

    node: int
    name: str
    reason: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """Which part of a tensor an instruction works on.

    Attributes
    ----------
    reads, writes
        Tensor or constant names; empty for none.
    start
        ``(n, y, x, c)`` of the output tensor (of the loaded tensor for LOAD) at the tile's first element.
    step
        Distance of neighbouring tile lines and pixels in the tensor.
    channels
        Channels of the tensor that the instruction makes (or loads); lanes beyond them hold nothing.
    """

    reads: tuple[str, ...] = ()
    writes: str = ""
    start: tuple[int, int, int, int] = (0, 0, 0, 0)
    step: tuple[int, int] = (1, 1)
    channels: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled model; see the field types for the parts."""

    name: str
    model_digest: str
    config: AcceleratorConfig
    instructions: tuple[Instruction, ...]
    origins: tuple[Origin, ...]
    layers: tuple[str, ...]
    constants: NDArray[np.uint8]  # first bytes of DDR
    ddr_bytes: int
    tensors: Mapping[str, TensorSymbol]
    symbols: tuple[ConstantSymbol, ...]
    calls: tuple[HostCall, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @cached_property
    def words(self) -> NDArray[np.uint8]:
        """Encoded instructions, uint8, (instructions, 64)."""
        raw = b"".join(encode(i) for i in self.instructions)
        return np.frombuffer(raw, np.uint8).reshape(-1, INSTRUCTION_BYTES)

    @cached_property
    def memories(self) -> dict[str, MemorySpec]:
        """All memories of a run: the configuration's, and DDR and instruction memory as large as needed."""
        protected = "ddr" in self.config.ecc
        rows = -(-self.ddr_bytes // DDR_ROW_BYTES)
        count = len(self.instructions)
        return {
            **memory_map(self.config),
            "ddr": MemorySpec("ddr", 1, rows, DDR_ROW_BYTES, "ddr", "constants and spilled feature maps", 0, protected),
            "ins": MemorySpec("ins", 1, count, INSTRUCTION_BYTES, "ddr", "instructions", 0, protected),
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that can change a run."""
        state = hashlib.sha256(self._header().encode())
        state.update(self.words.tobytes())
        state.update(self.constants.tobytes())
        for symbol in self.symbols:
            state.update(symbol.elements.tobytes())
        return state.hexdigest()

    def _header(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "name": self.name,
                "model": self.model_digest,
                "config": self.config.to_dict(),
                "layers": self.layers,
                "ddr_bytes": self.ddr_bytes,
                "origins": [[o.reads, o.writes, o.start, o.step, o.channels] for o in self.origins],
                "tensors": [asdict(t) for t in self.tensors.values()],
                "symbols": [[s.name, s.role, s.layer, s.address, s.elements.size] for s in self.symbols],
                "calls": [asdict(c) for c in self.calls],
                "inputs": self.inputs,
                "outputs": self.outputs,
            },
            separators=(",", ":"),
        )

    def save(self, path: str | Path) -> None:
        """Write one file: a zip of a JSON header and three binary parts, byte for byte the same for equal programs."""
        elements = [s.elements for s in self.symbols]
        parts = {
            "header.json": self._header().encode(),
            "instructions": self.words.tobytes(),
            "constants": self.constants.tobytes(),
            "elements": b"".join(e.astype("<i4").tobytes() for e in elements),
        }
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        try:
            Path(path).write_bytes(buffer.getvalue())
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place") from error

    @staticmethod
    def load(path: str | Path) -> "Program":
        """Read a file of :meth:`save`.

        Raises
        ------
        InputError
            The file cannot be read or is no program of this version.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                parts = {name: archive.read(name) for name in ("header.json", "instructions", "constants", "elements")}
            header = json.loads(parts["header.json"])
            if header["format"] != FORMAT:
                raise InputError(f"{path}: format is {header['format']!r}, not {FORMAT!r}; compile the model again")
            return _assemble(header, parts)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); give a compiled program") from error
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(f"{path}: is no compiled program ({error}); compile the model again") from error

    def listing(self) -> Iterator[str]:
        """One line per instruction: number, layer, operation, the fields that are set, what it works on."""
        engines = ("LOAD", "SAVE", "CONV", "ALU")
        defaults = {"wait", "signal", "layer"}
        for number, (i, origin) in enumerate(zip(self.instructions, self.origins, strict=True)):
            name = type(i).__name__.upper()
            if isinstance(i, Alu):
                name += f".{AluOp(i.op).name.lower()}"
            parts = [
                f"{f.name}={getattr(i, f.name)}"
                for f in fields(i)
                if f.name not in defaults and f.name != "op" and getattr(i, f.name) != f.default
            ]
            for label, mask in (("wait", i.wait), ("signal", i.signal)):
                if mask:
                    parts.append(label + "=" + "+".join(e for n, e in enumerate(engines) if mask >> n & 1))
            what = f" ; {', '.join(origin.reads)} -> {origin.writes}{list(origin.start)}" if origin.reads else ""
            layer = self.layers[i.layer] if i.layer < len(self.layers) else "?"
            yield f"{number:6d} {layer:24s} {name:14s} {' '.join(parts)}{what}"

    def transfer_bytes(self, number: int) -> int:
        """Bytes that an instruction moves over the DDR port."""
        i = self.instructions[number]
        return i.ny * i.nx * i.valid if isinstance(i, Transfer) else 0


def _assemble(header: dict[str, Any], parts: Mapping[str, bytes]) -> Program:
    words = np.frombuffer(parts["instructions"], np.uint8).reshape(-1, INSTRUCTION_BYTES)
    flat, start, symbols = np.frombuffer(parts["elements"], "<i4").astype(np.int32), 0, []
    for name, role, layer, address, size in header["symbols"]:
        symbols.append(ConstantSymbol(name, role, layer, address, flat[start : start + size]))
        start += size
    tensors = [TensorSymbol(**{k: _tuples(v) for k, v in plain.items()}) for plain in header["tensors"]]
    return Program(
        name=header["name"],
        model_digest=header["model"],
        config=AcceleratorConfig.from_dict(header["config"]),
        instructions=tuple(decode(row.tobytes()) for row in words),
        origins=tuple(Origin(*(_tuples(v) for v in plain)) for plain in header["origins"]),
        layers=tuple(header["layers"]),
        constants=np.frombuffer(parts["constants"], np.uint8),
        ddr_bytes=header["ddr_bytes"],
        tensors={t.name: t for t in tensors},
        symbols=tuple(symbols),
        calls=tuple(HostCall(**{k: _tuples(v) for k, v in plain.items()}) for plain in header["calls"]),
        inputs=tuple(header["inputs"]),
        outputs=tuple(header["outputs"]),
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def with_instructions(program: Program, instructions: tuple[Instruction, ...]) -> Program:
    """Return the program with other instructions, everything else kept."""
    return replace(program, instructions=instructions)
