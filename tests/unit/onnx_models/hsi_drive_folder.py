"""A folder in the Python form of HSI-Drive v2.0 with synthetic scenes, for tests of `--dataset`.

A large one, as of 2.1 GB: ``python -c "from pathlib import Path; from tests.unit.onnx_models.hsi_drive_folder import
write_folder; write_folder(Path('HSIDrive20'), {'training': 160, 'validation': 24, 'test': 32}, (32, 64), (216, 409))"``
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from onnx_models.hsi.bands import OTHERS
from onnx_models.hsi.hsi_drive import MAX_PER_BAND
from onnx_models.hsi.scenes import scenes
from onnx_models.hsi.sensor import normalise

RAW_OF_CLASS = np.array([1, 2, 3, 5, 6], np.uint8)
"""One raw class for each of the five; `Others` are several."""


def write_folder(root: Path, pictures: Mapping[str, int], scene: tuple[int, int], size: tuple[int, int]) -> None:
    """Write the three splits.

    Parameters
    ----------
    root
        The folder `HSIDrive20`; made.
    pictures
        Split to its number of pictures.
    scene
        Height and width of the drawn scenes; every pixel becomes a block.
    size
        Height and width of the files' pictures; what blocks do not fill repeats the border, unlabelled.
    """
    from PIL import Image

    factor = min(size[0] // scene[0], size[1] // scene[1])
    spare = [(total - factor * part) for total, part in zip(size, scene, strict=True)]
    around = [(rest // 2, rest - rest // 2) for rest in spare]
    for stream, (split, count) in enumerate(pictures.items(), start=1):
        rng = np.random.default_rng(stream)
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True)
        names = [f"nf{stream}{number:03d}_104_AS" for number in range(count)]
        for number, name in enumerate(names):
            codes, classes = (one[0] for one in scenes(number, 1, stream, *scene))
            cube = 0.5 * (normalise(codes) + 1) * np.array(MAX_PER_BAND, np.float32)[:, None, None]
            cube = np.pad(cube.repeat(factor, 1).repeat(factor, 2), [(0, 0), *around], mode="edge")
            cube += rng.normal(0, 0.002, cube.shape).astype(np.float32)
            raw = RAW_OF_CLASS[classes]
            raw[(classes == OTHERS) & (rng.random(classes.shape) < 0.2)] = 8  # another raw class of the same
            raw = np.pad(raw.repeat(factor, 0).repeat(factor, 1), around)
            np.save(root / "images" / split / f"{name}.npy", np.moveaxis(cube, 0, 2))
            Image.fromarray(raw).save(root / "annotations" / split / f"{name}.png")
        (root / f"{split}_filenames.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
