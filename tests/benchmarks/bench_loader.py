"""What the loader gives: `pytest -s -o 'python_files=bench_*.py' tests/benchmarks/bench_loader.py`.

Rates are frames a second of processor time, with one worker, so that other work on the machine does not count; each is
the best of many short rounds, taken in turn with what it is compared to, because processor time is dear too while
another process uses the same core. Only the test of two workers looks at the clock. The figures are in
docs/frame_store.md.
"""

import gc
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from support.loaders import train_loader
from support.packing import packed

from star.data.augmentation import AugmentationOptions
from star.data.decode import decode_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.encoding import Storage
from star.data.transforms import Augmentation, draw_augmentation
from star.synthetic import generate
from star.types import Split, VideoReIDData

HEIGHT, WIDTH, FRAMES, PAD = 288, 144, 12, 10
AUGMENTATION = {"pad": PAD, "flip": 0.5, "erase": 0.5, "erase_area": [0.02, 0.4], "erase_aspect": [0.3, 3.3]}
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

LEAST_RATIO_TO_PIL = 5
LEAST_SHARE_OF_DECODING = 0.8
LEAST_GAIN_OF_TWO_WORKERS = 1.4
BUSY = 2.5  # load average, of which the test itself makes up to 2
MOST_GROWTH = 8  # MB over the epochs of the memory test
ROUNDS = 30


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


class _Pil:
    """The chain on `clips` clips, the next ones in each round."""

    def __init__(self, split: Split, clips: int = 8):
        keys = [key for tracklet in split.tracklets for key in tracklet.frames]
        self._paths = [f"{split.frames.path}/{key}.jpg" for key in keys]
        self._rng = np.random.default_rng(0)
        self._clips, self._next = clips, 0

    def __call__(self) -> int:
        for _ in range(self._clips):
            start = self._next % (len(self._paths) - FRAMES)
            augmentation = draw_augmentation(self._rng, HEIGHT, WIDTH, AugmentationOptions(**AUGMENTATION))
            np.stack([_pil_frame(path, augmentation) for path in self._paths[start : start + FRAMES]])
            self._next += FRAMES
        return self._clips * FRAMES


class _Loader:
    """An epoch of two batches of 192 frames."""

    def __init__(self, split: Split, workers: int = 1, batches: int = 2):
        self._loader = train_loader(
            split, frames=FRAMES, height=HEIGHT, width=WIDTH, **AUGMENTATION, identities=4, workers=workers,
            batches=batches,
        )  # fmt: skip

    def __call__(self) -> int:
        before = self._loader.counts["frames"]
        for _ in self._loader.epoch(0):
            pass
        return self._loader.counts["frames"] - before


class _Decoder:
    """Only the decoding of as many frames, which are in memory."""

    def __init__(self, split: Split):
        keys = [key for tracklet in split.tracklets for key in tracklet.frames]
        self._data = [split.frames.read(key) for key in (keys * 2)[:384]]

    def __call__(self) -> int:
        for data in self._data:
            decode_frame(data, "")
        return len(self._data)


def _rates(*jobs, clock=time.process_time, rounds=ROUNDS) -> list[float]:
    """The best frames a second of each job, all jobs in turn."""
    best = [0.0] * len(jobs)
    for _ in range(rounds):
        for number, job in enumerate(jobs):
            start = clock()
            frames = job()
            best[number] = max(best[number], frames / (clock() - start))
    return best


@pytest.fixture(scope="session")
def real(shared) -> VideoReIDData:
    return read_hitsz_vcm(shared / "data" / "m3svd_vcm")


@pytest.fixture(scope="session")
def generated(project: Path, tmp_path_factory) -> VideoReIDData:
    """People of conf/dataset/synthetic.yaml, fewer of them; frames are 128 x 64."""
    levels = yaml.safe_load((project / "conf/dataset/synthetic.yaml").read_text())["generate"]
    folder = tmp_path_factory.mktemp("generated")
    return read_hitsz_vcm(generate(folder, workers=1, **(levels | {"train_identities": 8, "test_identities": 2})))


def _compare_with_pil(split: Split, name: str) -> None:
    pil, loader = _rates(_Pil(split), _Loader(split))
    print(f"\n{name}: loader {loader:,.0f} frames/s a core, PIL chain {pil:,.0f}, ratio {loader / pil:.1f}")
    assert loader >= LEAST_RATIO_TO_PIL * pil


@pytest.mark.parametrize("skeletons", [False, True], ids=["pixels", "pixels and joints"])
def test_five_times_the_pil_chain_on_generated_frames(generated, skeletons):
    split = generated.train if skeletons else replace(generated.train, skeletons=None)
    _compare_with_pil(split, f"generated frames{', joints too' if skeletons else ''}")


@pytest.mark.data
def test_five_times_the_pil_chain_on_real_frames(real):
    _compare_with_pil(real.train, "real crops")


def _from_packs(data: VideoReIDData, root: Path, folder: Path, name: str) -> None:
    size = (HEIGHT, WIDTH)
    storages = {"resized": Storage(size), "raw": Storage(size, "raw"), "plain": Storage()}
    packs = [packed(data, folder / f"{n}.pack", root, storage).train for n, storage in storages.items()]
    splits = [replace(split, skeletons=None) for split in (*packs, data.train)]
    jobs = [_Decoder(splits[0]), *map(_Loader, splits)]
    decoding, jpeg, uncompressed, as_is, files = _rates(*jobs)
    print(
        f"\n{name}: pre-resized pack {jpeg:,.0f} frames/s a core, {jpeg / decoding:.0%} of decoding alone "
        f"({decoding:,.0f}); uncompressed pack {uncompressed:,.0f}; pack of the files {as_is:,.0f}, folder {files:,.0f}"
    )
    assert jpeg >= LEAST_SHARE_OF_DECODING * decoding


def test_a_resized_pack_is_read_nearly_as_fast_as_it_is_decoded(generated, tmp_path):
    _from_packs(generated, generated.train.frames.path.parent, tmp_path, "generated frames")


@pytest.mark.data
def test_a_resized_pack_of_real_frames(real, tmp_path):
    _from_packs(real, real.train.frames.path.parent, tmp_path, "real crops")


@pytest.mark.data
@pytest.mark.parametrize("source", ["folder", "resized pack"])
def test_two_workers_do_the_work_of_two(real, tmp_path, source):
    split = real.train
    if source == "resized pack":
        split = packed(real, tmp_path / "a.pack", split.frames.path.parent, Storage((HEIGHT, WIDTH))).train
    one, two = _rates(_Loader(split, 1, 8), _Loader(split, 2, 8), clock=time.perf_counter, rounds=20)
    gain = f"{source}: 2 workers {two:,.0f} frames/s by the clock, 1 worker {one:,.0f}, gain {two / one:.2f}"
    if two < LEAST_GAIN_OF_TWO_WORKERS * one and os.getloadavg()[0] > BUSY:
        pytest.skip(f"{gain}; the machine is busy ({os.getloadavg()[0]:.1f}), measure it alone")
    print(f"\n{gain}")
    assert two >= LEAST_GAIN_OF_TWO_WORKERS * one


def _resident() -> float:
    """MB of this process and of its children, batches counted by each that has them."""
    gc.collect()
    processes = [os.getpid(), *Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in processes)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_memory_is_constant_over_epochs(generated, tmp_path):
    root = generated.train.frames.path.parent
    for name, split in (("folder", generated.train), ("pack", packed(generated, tmp_path / "a.pack", root).train)):
        loader = _Loader(split, workers=2, batches=4)
        seen = []
        for _ in range(12):
            loader()
            seen.append(_resident())
        print(f"\n{name}: {seen[3]:.1f} MB after 4 epochs, {seen[-1]:.1f} MB after 12")
        assert max(seen[4:]) - seen[3] < MOST_GROWTH
