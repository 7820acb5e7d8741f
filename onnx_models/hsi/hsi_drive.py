"""Reader of HSI-Drive v2.0 files, which are given out by the University of the Basque Country on request.

Two documented forms are read. MATLAB: a `.mat` file whose variable `cube` is float [band, row, column], and a label
PNG of the same name. Python: a folder `HSIDrive20` with `images/<split>/*.npy` (float [row, column, band], as
mmsegmentation and the dataset's own tools load them), `annotations/<split>/*.png` and lists `<split>_filenames.txt`,
split being training, validation or test. Pixels of label images hold the eleven raw classes 0 to 10.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from onnx_models.hsi.bands import BANDS, RAW_CLASSES, RAW_TO_CLASS

_Number = TypeVar("_Number", bound=np.generic)

SPLITS: Final = ("training", "validation", "test")

MAX_PER_BAND: Final[tuple[float, ...]] = (
    *(0.3227, 0.2517, 0.3073, 0.2792, 0.2157),
    *(0.2894, 0.3804, 0.3166, 0.2683, 0.2029),
    *(0.3276, 0.3565, 0.3136, 0.2549, 0.2820),
    *(0.2455, 0.2611, 0.3670, 0.4202, 0.2764),
    *(0.2919, 0.2618, 0.3019, 0.2821, 0.1903),
)
"""Largest reflectance per band over the dataset, in file order, from the configuration of its tools; the least is 0."""


class HsiDriveError(ValueError):
    """A file is not what HSI-Drive v2.0 documents; the message names the file, the fault and what was expected."""


@dataclass(frozen=True)
class Sample:
    """One picture of the dataset.

    Attributes
    ----------
    name
        File name without suffix, for instance `nf3123_153_TC`.
    cube
        float32 [25, H, W], reflectance.
    raw_labels
        uint8 [H, W], raw classes 0 to 10.
    """

    name: str
    cube: NDArray[np.float32]
    raw_labels: NDArray[np.uint8]

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Labels of the five-class experiment, uint8 [H, W]: 0 to 4, and 255 for unlabelled pixels."""
        return np.asarray(RAW_TO_CLASS, dtype=np.uint8)[self.raw_labels]


def read_mat(path: Path, label_path: Path | None = None) -> Sample:
    """Read one picture of the MATLAB form.

    Parameters
    ----------
    path
        The `.mat` file.
    label_path
        Its label image; by default the `.png` of the same name beside it.

    Returns
    -------
    `Sample`.

    Raises
    ------
    HsiDriveError
        If a file is absent, unreadable, lacks `cube`, or has the wrong shape, type or label values.
    """
    from scipy.io import loadmat

    _must_exist(path)
    try:
        content = loadmat(path, variable_names=["cube"])
    except Exception as error:  # scipy has many kinds for a broken file, NotImplementedError for MATLAB 7.3
        raise HsiDriveError(
            f"{path}: not a MATLAB file of version 5 to 7.2 ({type(error).__name__}: {error})"
        ) from error
    if "cube" not in content:
        raise HsiDriveError(f"{path}: no variable 'cube'")
    cube = _cube(path, np.asarray(content["cube"]))
    return Sample(path.stem, cube, _labels(label_path or path.with_suffix(".png"), cube.shape[1:]))


def read_split(root: Path, split: str) -> Iterator[Sample]:
    """Read the pictures of one split of the Python form, in the order of its list.

    Parameters
    ----------
    root
        The folder `HSIDrive20`.
    split
        `training`, `validation` or `test`.

    Yields
    ------
    `Sample`, one at a time (a cube takes 9 MB).

    Raises
    ------
    HsiDriveError
        If the folder or the list is absent, the list is empty, or a file is not as documented.
    """
    if split not in SPLITS:
        raise HsiDriveError(f"no split '{split}'; there are {', '.join(SPLITS)}")
    images, annotations = root / "images" / split, root / "annotations" / split
    for folder in (images, annotations):
        if not folder.is_dir():
            raise HsiDriveError(f"{folder}: no such folder; the Python form of HSI-Drive v2.0 has it")
    for name in _names(root, split):
        path = images / f"{name}.npy"
        _must_exist(path)
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise HsiDriveError(f"{path}: not a plain .npy array ({error})") from error
        if array.ndim == 3 and array.shape[0] != BANDS:
            array = np.moveaxis(array, 2, 0)  # a file with its bands first is taken as it is
        cube = _cube(path, array)
        yield Sample(name, cube, _labels(annotations / f"{name}.png", cube.shape[1:]))


def network_input(
    cube: NDArray[np.float32],
    height: int,
    width: int,
    minimum: NDArray[np.float32] | None = None,
    maximum: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Crop the centre and normalise each band to 2(x - min)/(max - min) - 1.

    Parameters
    ----------
    cube
        float32 [25, H, W].
    height, width
        Size wanted, at most that of the cube.
    minimum, maximum
        float32 [25]; by default 0 and `MAX_PER_BAND`.

    Returns
    -------
    float32 [25, height, width]; -1 to 1 for reflectances between the limits, not clipped outside.

    Raises
    ------
    HsiDriveError
        If the cube is smaller than the size wanted, or a band's maximum is not above its minimum.
    """
    low = np.zeros(BANDS, np.float32) if minimum is None else np.asarray(minimum, np.float32)
    high = np.asarray(MAX_PER_BAND if maximum is None else maximum, np.float32)
    if low.shape != (BANDS,) or high.shape != (BANDS,) or not (high > low).all():
        raise HsiDriveError(f"minimum and maximum must be {BANDS} numbers each, every maximum above its minimum")
    cut = crop(cube, height, width)
    spread = (high - low)[:, None, None]
    return np.asarray(2.0 * (cut - low[:, None, None]) / spread - 1.0, dtype=np.float32)


def crop(picture: NDArray[_Number], height: int, width: int) -> NDArray[_Number]:
    """Return the centre of a picture.

    Parameters
    ----------
    picture
        [..., H, W]: a cube or its labels.
    height, width
        Size wanted; where the border is odd, the spare row or column is cut from the end.

    Returns
    -------
    View [..., height, width].

    Raises
    ------
    HsiDriveError
        If the picture is smaller.
    """
    rows, columns = picture.shape[-2:]
    if not (0 < height <= rows and 0 < width <= columns):
        raise HsiDriveError(f"cannot cut {height} x {width} out of a picture of {rows} x {columns}")
    top, left = (rows - height) // 2, (columns - width) // 2
    return picture[..., top : top + height, left : left + width]


def reduced(
    cube: NDArray[np.float32], labels: NDArray[np.uint8], height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Reduce a picture by the largest whole factor that leaves the size wanted, so that it still shows the whole scene.

    Pictures of 216 x 409 give 192 x 384 as they are, 64 x 128 after averaging blocks of 3 x 3 pixels.

    Parameters
    ----------
    cube
        float32 [25, H, W], reflectance.
    labels
        uint8 [H, W].
    height, width
        Size wanted, at most that of the picture.

    Returns
    -------
    Mean reflectances of the blocks, float32 [25, height, width], and the label of each block's middle pixel, uint8
    [height, width]; of the picture's centre, where the blocks do not fill it.

    Raises
    ------
    HsiDriveError
        If the picture is smaller.
    """
    factor = max(1, min(cube.shape[1] // height, cube.shape[2] // width))
    cut, classes = (crop(picture, height * factor, width * factor) for picture in (cube, labels))
    blocks = cut.reshape(len(cube), height, factor, width, factor)
    middle = factor // 2
    return blocks.mean(axis=(2, 4), dtype=np.float32), np.asarray(classes[middle::factor, middle::factor], np.uint8)


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise HsiDriveError(f"{path}: no such file")


def _names(root: Path, split: str) -> list[str]:
    """Return the names in `<split>_filenames.txt`, without suffix; they may be quoted, with folders or commas."""
    path = root / f"{split}_filenames.txt"
    _must_exist(path)
    words = path.read_text(encoding="utf-8").replace(",", " ").split()
    names = [Path(word.strip("'\"[]")).stem for word in words]
    names = [name for name in names if name]
    if not names:
        raise HsiDriveError(f"{path}: the list is empty")
    return names


def _cube(path: Path, array: NDArray[np.generic]) -> NDArray[np.float32]:
    if array.ndim != 3 or array.shape[0] != BANDS:
        raise HsiDriveError(f"{path}: shape {array.shape}; expected {BANDS} bands, rows and columns")
    if array.dtype.kind != "f":
        raise HsiDriveError(f"{path}: type {array.dtype}; expected reflectance as float32 or float64")
    cube = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(cube).all():
        raise HsiDriveError(f"{path}: the cube has values that are not finite")
    return cube


def _labels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    _must_exist(path)
    try:
        with Image.open(path) as image:
            mode, pixels = image.mode, np.asarray(image)
    except (UnidentifiedImageError, OSError) as error:
        raise HsiDriveError(f"{path}: not a readable image ({error})") from error
    if pixels.ndim != 2:
        raise HsiDriveError(f"{path}: mode {mode}; expected one channel with class numbers, not colours")
    if pixels.shape != shape:
        raise HsiDriveError(f"{path}: {pixels.shape} pixels, but the cube has {shape}")
    highest = int(pixels.max())
    if highest >= len(RAW_CLASSES):
        raise HsiDriveError(f"{path}: label {highest}; the classes are 0 to {len(RAW_CLASSES) - 1}")
    return pixels.astype(np.uint8)
