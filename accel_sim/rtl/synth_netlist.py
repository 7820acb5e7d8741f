"""A hierarchical netlist in Yosys's text form: equal modules found, so that each is synthesised once."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

_MODULE = re.compile(r"^((?:attribute [^\n]*\n)*)module (\S+)\n(.*?)^end\n", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"^(\s*cell )(\S+)( (\S+))$", re.MULTILINE)
_GENERATED = re.compile(r"\$\S+")  # names that Yosys made up; they differ from copy to copy


@dataclass(frozen=True)
class Instance:
    """One place in the hierarchy.

    Attributes
    ----------
    path
        Names from the top on, with dots; empty for the top.
    kind
        Class of the module: its name, and a number where one name has several forms.
    """

    path: str
    kind: str


@dataclass(eq=False)
class Netlist:
    """Modules as they were read, and which are copies of one another.

    Parameters
    ----------
    text
        What Yosys's ``write_rtlil`` wrote.
    top
        Name of the toplevel module.

    Attributes
    ----------
    kinds
        Every module's class.
    representatives
        The one module of each class that stays.
    """

    text: str
    top: str
    kinds: dict[str, str] = field(default_factory=dict)
    representatives: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._bodies = {m[2]: m[3] for m in _MODULE.finditer(self.text)}
        self._hashes: dict[str, str] = {}
        forms: dict[str, list[str]] = {}
        for name in self._bodies:
            base, form = self.base(name), self._hash(name)
            known = forms.setdefault(base, [])
            if form not in known:
                known.append(form)
        for name in self._bodies:
            base = self.base(name)
            number = forms[base].index(self._hash(name)) + 1
            kind = base if len(forms[base]) == 1 else f"{base}.{number}"
            self.kinds[name] = kind
            self.representatives.setdefault(kind, name)

    @staticmethod
    def base(name: str) -> str:
        """Return the name that the module has in its source."""
        return name.lstrip("\\").split("$")[0]

    def _hash(self, name: str) -> str:
        """Hash of all that the module is made of; what it instantiates counts by its own hash."""
        if name not in self._hashes:
            lines = []
            for line in self._bodies[name].splitlines():
                stripped = line.strip()
                if stripped.startswith("attribute"):
                    continue
                cell = _CELL.match(line)
                if cell and cell[2] in self._bodies:
                    stripped = f"cell {self._hash(cell[2])}"
                lines.append(_GENERATED.sub("$", stripped))
            self._hashes[name] = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
        return self._hashes[name]

    def reduced(self) -> str:
        """Return the netlist with one module of each class, used wherever a copy was."""
        kept, parts = set(self.representatives.values()), ["autoidx 100000000"]

        def stand_in(cell: re.Match[str]) -> str:
            kind = self.kinds.get(cell[2])
            return cell[0] if kind is None else f"{cell[1]}{self.representatives[kind]}{cell[3]}"

        for module in _MODULE.finditer(self.text):
            if module[2] in kept:
                parts.append(f"{module[1]}module {module[2]}\n{_CELL.sub(stand_in, module[3])}end\n")
        return "\n".join(parts)

    def instances(self) -> Iterator[Instance]:
        """Go through the whole hierarchy, the top first."""
        todo = [("", f"\\{self.top}")]
        while todo:
            path, name = todo.pop()
            yield Instance(path, self.kinds[name])
            for cell in _CELL.finditer(self._bodies[name]):
                if cell[2] in self._bodies:
                    todo.append((f"{path}.{cell[4].lstrip(chr(92))}".lstrip("."), cell[2]))

    def counts(self) -> Counter[str]:
        """Return how often each class is there."""
        return Counter(instance.kind for instance in self.instances())
