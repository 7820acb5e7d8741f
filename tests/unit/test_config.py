import csv
from importlib.resources import files
from pathlib import Path

import pytest

from accel_sim.config import PRESETS, AcceleratorConfig, load_config, memory_map, register_map
from accel_sim.config.memories import block_rams
from accel_sim.config.presets import KV260_URAM
from accel_sim.errors import UsageError


def table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((files("accel_sim.config") / name).read_text().splitlines()))


def published_name(row: dict[str, str]) -> str:
    return row["arch"] + ("-high" if row["ram_usage"] == "high" else "")


def test_the_table_names_all_sixteen_variants_with_their_source() -> None:
    rows = table("dpu_bram36.csv")
    assert {published_name(row) for row in rows} == set(PRESETS) - {"tiny"}
    assert all(row["source"] and row["verified"] == "yes" for row in rows)


@pytest.mark.parametrize("row", table("dpu_bram36.csv"), ids=published_name)
def test_memory_map_reproduces_the_published_block_rams(row: dict[str, str]) -> None:
    config = PRESETS[published_name(row)]
    assert config.pixel_parallel == int(row["pixel_parallel"])
    assert config.input_channel_parallel == int(row["channel_parallel"])
    assert float(block_rams(config)[0]) == float(row["bram36"])
    assert block_rams(config)[1] == 0


@pytest.mark.parametrize("row", table("dpu_placement.csv"), ids=lambda row: row["design"])
def test_placement_of_published_designs(row: dict[str, str]) -> None:
    weights = int(row["uram_weight_banks"])
    banks = {
        "img": int(row["uram_image_banks"]),
        "wgt": max(weights - 1, 0),  # the seventeenth weight bank is the depthwise one
        "dwt": min(weights, 1),
        "bias": int(row["uram_bias_banks"]),
    }
    placed = AcceleratorConfig.from_dict({**PRESETS[row["arch"]].to_dict(), "uram_banks": banks})
    bram, uram = block_rams(placed)
    assert (float(bram), uram) == (float(row["bram36"]), int(row["uram288"]))


def test_kv260_has_weights_and_biases_in_ultraram() -> None:
    config = AcceleratorConfig.from_dict({**PRESETS["b4096"].to_dict(), "uram_banks": KV260_URAM})
    memories = memory_map(config)
    assert all(memories[name].kind_of(bank) == "uram" for name in ("wgt", "dwt", "bias") for bank in range(
        memories[name].banks))  # fmt: skip
    assert [memories["img"].kind_of(bank) for bank in (4, 5)] == ["uram", "bram"]


def test_bits_of_b4096() -> None:
    memories = memory_map(PRESETS["b4096"])
    assert memories["img"].bits == 16 * 2048 * 128
    assert memories["wgt"].bits == 4_194_304  # CONVW of B4096 in the vendor's target file: 16 banks of 2048 x 16 bytes
    assert register_map(PRESETS["b4096"])["pe_acc"].bits == 8 * 16 * 32
    assert PRESETS["b4096"].peak_ops_per_cycle == 4096


def test_presets_are_found_by_name_in_any_case() -> None:
    assert load_config("B4096-high") is PRESETS["b4096-high"]
    assert load_config("tiny").name == "tiny"


def test_toml_on_top_of_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "b512"\nclock_mhz = 150\necc = ["img"]\n[uram_banks]\nwgt = 8\n')
    config = load_config(path)
    assert (config.name, config.clock_mhz, config.pixel_parallel) == ("mine", 150, 4)
    assert memory_map(config)["img"].ecc
    assert memory_map(config)["wgt"].kind_of(7) == "uram"
    assert AcceleratorConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('base = "b9"', "base is 'b9', but must be one of b512"),
        ("clock_mhz = 1", "pixel_parallel is missing; set it, or start from base"),
        ('base = "b512"\nclock = 1', "unknown key 'clock'; known are"),
        ('base = "b512"\nimage_rows = 1000', "image_rows is 1000, but must be a power of two from 64 to 16384"),
        ('base = "b512"\nimage_groups = 0', "image_groups is 0, but must be an integer from 1 to 8"),
        ('base = "b512"\nclock_mhz = "fast"', "clock_mhz is 'fast', but must be an integer"),
        ('base = "b512"\nclock_mhz = true', "clock_mhz is True, but must be an integer"),
        (
            'base = "b512"\noutput_channel_parallel = 4',
            "output_channel_parallel 4 differs from input_channel_parallel 8",
        ),
        ('base = "b512"\nalu_pixel_parallel = 8', "alu_pixel_parallel 8 exceeds pixel_parallel 4"),
        ('base = "b512"\nuram_banks = 3', "uram_banks is 3, but must be a table"),
        (
            'base = "b512"\nuram_banks = {wgt = 9}',
            "uram_banks of wgt is 9, but must be an integer from 0 to its 8 banks",
        ),
        ('base = "b512"\nuram_banks = {tab = 1}', "uram_banks names the memory 'tab'; use some of img, wgt, dwt, bias"),
        ('base = "b512"\necc = ["x"]', "ecc names the memory 'x'; use some of"),
        ('base = "b512"\necc = "img"', "ecc is 'img', but must be a list of memory names"),
        ("base = ", "is not TOML"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        load_config(path)
    assert said in str(raised.value)
    assert "bad.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [("b5000", "is neither a .toml file nor one of b512"), ("absent.toml", "cannot be read (No such file")],
)
def test_unknown_architectures_are_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_config(name)
    assert said in str(raised.value)
