"""The loader against the usual PIL chain on the same files: `pytest -s tests/benchmarks/bench_loader.py`.

Frames a second of processor time (all threads), so that other work on the machine does not count.
"""

import time

import numpy as np
import pytest
from PIL import Image
from support.tiny_vcm import write_jpeg

from star.data.frames import FolderFrames
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.loader import TrainLoader
from star.data.transforms import Augmentation, draw_augmentation
from star.types import MODALITIES, Split, Tracklet

HEIGHT, WIDTH, FRAMES, PAD = 288, 144, 12, 10
AUGMENTATION = {"pad": PAD, "flip": 0.5, "erase": 0.5, "erase_area": (0.02, 0.4), "erase_aspect": (0.3, 3.3)}
QUALITY = 90  # of the written files; that of the real crops
LEAST_RATIO = 4
ROUNDS = 5
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def _pil_frame(path, augmentation: Augmentation) -> np.ndarray:
    """Open, resize, pad, crop, flip, to float, normalise, erase: [3 h w] float32."""
    image = Image.open(path).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    padded = Image.new("RGB", (WIDTH + 2 * PAD, HEIGHT + 2 * PAD))
    padded.paste(image, (PAD, PAD))
    left, top = PAD - augmentation.right, PAD - augmentation.down
    image = padded.crop((left, top, left + WIDTH, top + HEIGHT))
    if augmentation.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    pixels = (pixels - MEAN[:, None, None]) / DEVIATION[:, None, None]
    if augmentation.erased:
        top, left, rows, columns = augmentation.erased
        pixels[:, top : top + rows, left : left + columns] = 0
    return pixels


def _frames_per_cpu_second_of_pil(paths) -> float:
    rng = np.random.default_rng(0)
    start = time.process_time()
    for clip in range(0, len(paths), FRAMES):
        augmentation = draw_augmentation(rng, height=HEIGHT, width=WIDTH, **AUGMENTATION)
        np.stack([_pil_frame(path, augmentation) for path in paths[clip : clip + FRAMES]])
    return len(paths) / (time.process_time() - start)


def _frames_per_cpu_second_of_loader(split, batches) -> float:
    loader = TrainLoader(
        split,
        frames=FRAMES,
        height=HEIGHT,
        width=WIDTH,
        **AUGMENTATION,
        identities=4,
        tracklets=2,
        seed=0,
        workers=1,
        batches=batches,
    )
    start = time.process_time()
    for _ in loader.epoch(0):
        pass
    return loader.counts["frames"] / (time.process_time() - start)


def _compare(split, name):
    batches = 3
    paths = [split.frames.path / f"{key}.jpg" for tracklet in split.tracklets for key in tracklet.frames][
        : batches * 192
    ]
    rates = [
        (_frames_per_cpu_second_of_pil(paths), _frames_per_cpu_second_of_loader(split, batches)) for _ in range(ROUNDS)
    ]
    pil, loader = (max(column) for column in zip(*rates, strict=True))
    print(f"\n{name}: loader {loader:,.0f} frames/s a core, PIL chain {pil:,.0f} frames/s, ratio {loader / pil:.1f}")
    assert loader >= LEAST_RATIO * pil


@pytest.mark.parametrize(("height", "width"), [(96, 48), (256, 128)])
def test_four_times_the_pil_chain_on_written_frames(tmp_path, height, width):
    rng = np.random.default_rng(0)
    tracklets = []
    for identity in range(1, 5):
        for modality in MODALITIES:
            kind = "ir" if modality == "infrared" else "rgb"
            for tracklet in range(2):
                keys = tuple(f"{identity:04d}/{kind}/D1/{24 * tracklet + n}" for n in range(24))
                for key in keys:
                    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
                    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
                    write_jpeg(tmp_path / f"{key}.jpg", np.asarray(smooth), QUALITY)
                tracklets.append(Tracklet(identity, 1, modality, keys))
    _compare(Split("train", FolderFrames(tmp_path), tuple(tracklets)), f"written {height} x {width}")


@pytest.mark.data
def test_four_times_the_pil_chain_on_real_frames(shared):
    _compare(read_hitsz_vcm(shared / "data" / "m3svd_vcm").train, "real crops")
