"""Equal modules are found whatever Yosys called their inner names, and different ones are told apart."""

from accel_sim.rtl.synth_cells import Resources, resources
from accel_sim.rtl.synth_netlist import Instance, Netlist

LEAF = """\
attribute \\src "a.sv:1.1"
module \\leaf$top.{path}
  wire width {width} input 1 \\a
  wire $auto$7${serial}
  cell $not $procdff${serial}
    parameter \\A_WIDTH {width}
    connect \\A \\a
  end
end
"""
TOP = """\
module \\top
  cell \\leaf$top.x \\x
    connect \\a 1'0
  end
  cell \\mid$top.m \\gen[0].m
  end
end
module \\mid$top.m
  cell \\leaf$top.m.x \\x
  end
  cell \\leaf$top.m.y \\y
  end
end
"""


def text(*widths: int) -> str:
    leaves = [
        LEAF.format(path=p, width=w, serial=n) for n, (p, w) in enumerate(zip(("x", "m.x", "m.y"), widths, strict=True))
    ]
    return "autoidx 9\n" + TOP + "".join(leaves)


def test_copies_are_one_class() -> None:
    netlist = Netlist(text(3, 3, 3), "top")
    assert netlist.counts() == {"top": 1, "mid": 1, "leaf": 3}
    reduced = netlist.reduced()
    assert reduced.count("module \\leaf") == 1
    assert "cell \\leaf$top.x \\y" in reduced
    assert "cell $not" in reduced


def test_other_forms_are_other_classes() -> None:
    netlist = Netlist(text(3, 4, 3), "top")
    assert netlist.counts() == {"top": 1, "mid": 1, "leaf.1": 2, "leaf.2": 1}
    assert netlist.reduced().count("module \\leaf") == 2


def test_what_is_inside_counts() -> None:
    """Two modules of one name that differ in what they instantiate only."""
    pair = text(3, 4, 3) + "module \\mid$top.n\n  cell \\leaf$top.x \\x\n  end\n  cell \\leaf$top.x \\y\n  end\nend\n"
    pair = pair.replace(
        "  cell \\mid$top.m \\gen[0].m\n  end\n", "  cell \\mid$top.m \\m\n  end\n  cell \\mid$top.n \\n\n  end\n"
    )
    assert Netlist(pair, "top").counts() == {"top": 1, "mid.1": 1, "mid.2": 1, "leaf.1": 4, "leaf.2": 1}


def test_paths_go_through_the_hierarchy() -> None:
    found = set(Netlist(text(3, 3, 3), "top").instances())
    assert Instance("gen[0].m.y", "leaf") in found
    assert Instance("", "top") in found
    assert len(found) == 5


def test_cells_as_resources() -> None:
    cells = {"LUT1": 1, "LUT6": 4, "RAM64M8": 2, "FDRE": 5, "FDCE": 1, "LDCE": 1, "DSP48E2": 3, "RAMB18E2": 3,
             "RAMB36E2": 1, "URAM288": 2, "CARRY4": 9, "MUXF7": 8, "INV": 7}  # fmt: skip
    assert resources(cells) == Resources(lut=21, lut_ram=16, ff=6, latch=1, dsp=3, bram36=2.5, uram=2)
    assert Resources(1, 0, 2).times(3).plus(Resources(ff=1)) == Resources(3, 0, 7)
