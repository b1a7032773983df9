"""Files of BUPTCampus that are missing, broken or odd: an error names file and line, or a note says what was found."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from support.tiny_bupt import CAMERAS, write_tiny_bupt

from star.data.bupt_campus import read_bupt_campus
from star.data.dataset_report import check_dataset
from star.data.decode import load_frame
from star.data.matches import require_matches
from star.errors import DataError


@pytest.mark.parametrize("name", ["data_paths.json", "train.txt", "query.txt", "gallery.txt"])
def test_missing_and_empty_index_files_are_named(root: Path, name: str):
    (root / name).write_text(" \n")
    with pytest.raises(DataError, match=rf"{re.escape(name)}( is not complete JSON \(line \d+| is empty)"):
        read_bupt_campus(root)
    (root / name).unlink()
    with pytest.raises(DataError, match=rf"which has no {re.escape(name)}; expected the folder with DATA"):
        read_bupt_campus(root)


def test_a_root_that_is_another_folder(tmp_path: Path, root: Path):
    nothing = "which has no DATA, data_paths.json, train.txt, query.txt, gallery.txt"
    for given, message in ((None, "is not set"), (tmp_path / "no", "is not a folder"), (tmp_path, nothing)):
        with pytest.raises(DataError, match=message):
            read_bupt_campus(given)
    with pytest.raises(DataError, match=rf"give its parent, {re.escape(str(root))}"):
        read_bupt_campus(root / "DATA")


@pytest.mark.parametrize(
    ("name", "line", "text", "message"),
    [
        ("train.txt", 2, "1 RGB/IR CQ1", r"train\.txt:2: given '1 RGB/IR CQ1', expected identity modality camera"),
        ("train.txt", 2, "", r"train\.txt:2: given ''"),
        ("train.txt", 2, "one RGB/IR CQ1 1", r"train\.txt:2: given 'one RGB/IR CQ1 1'"),
        ("train.txt", 2, "١ RGB/IR CQ1 1", r"train\.txt:2: given '١ RGB/IR CQ1 1', expected identity"),
        ("train.txt", 2, f"{'9' * 23} RGB/IR CQ1 1", r"train\.txt:2: given '9+ RGB/IR CQ1 1', expected identity"),
        ("train.txt", 2, "1 RGB CQ1 1", r"train\.txt:2: given modality RGB, expected RGB/IR in train\.txt"),
        ("train_auxiliary.txt", 1, "5 IR TSG2 1", r"train_auxiliary\.txt:1: given modality IR, expected RGB/IR"),
        ("query.txt", 3, "9 RGB/IR CQ1 1", r"query\.txt:3: given modality RGB/IR, expected RGB or IR in query\.txt"),
        ("gallery.txt", 1, "7 FakeIR G25 1", r"gallery\.txt:1: given modality FakeIR, expected RGB or IR"),
        ("train.txt", 2, "99 RGB/IR CQ1 1", r"train\.txt:2: .*data_paths\.json has no identity 99"),
        ("query.txt", 1, "7 IR W4 1", r"query\.txt:1: .* has no camera W4 of 7/IR \(it has LS3, G25\)"),
        ("query.txt", 1, "7 IR LS3 9", r"query\.txt:1: .* has no tracklet 9 of 7/IR/LS3 \(it has 1\)"),
    ],
)
def test_lines_that_are_wrong_are_named(root: Path, edit, name: str, line: int, text: str, message: str):
    edit(root / name, line, text)
    with pytest.raises(DataError, match=message):
        read_bupt_campus(root)


def test_an_identity_without_one_modality(root: Path, change_table):
    change_table(lambda table: table["2"].pop("RGB"))
    with pytest.raises(DataError, match=r"train\.txt:3: .*data_paths\.json has no modality RGB of 2 \(it has IR\)"):
        read_bupt_campus(root)


def _set(*keys: str, to: object) -> Callable[[dict], None]:
    def change(table: dict) -> None:
        for key in keys[:-1]:
            table = table[key]
        table[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([], "gives no frames for 7/IR/LS3/1"),
        ("7/IR/LS3/a.jpg", "gives no frames for 7/IR/LS3/1"),
        ([3], "gives no frames for 7/IR/LS3/1"),
        (["8/IR/LS3/8_IR_LS3_1_1.jpg"], r"names the frame '8/IR/LS3/8_IR_LS3_1_1\.jpg', expected 7/IR/LS3/<name>"),
        (["7/RGB/LS3/a.jpg"], "expected 7/IR/LS3/<name>"),
        (["7/IR/LS3/deeper/a.jpg"], "expected 7/IR/LS3/<name>"),
        (["7/IR/LS3/a"], "expected 7/IR/LS3/<name>"),
        (["7/IR/LS3/.jpg"], "expected 7/IR/LS3/<name>"),
        (["7/IR/LS3/a.gif"], "expected 7/IR/LS3/<name>"),
        (["7/IR/LS3/nothing.jpg"], r"none of the 1 frames of this infrared tracklet is on disk, first .*nothing\.jpg"),
    ],
)
def test_entries_of_the_frame_table_that_cannot_be_used(root: Path, change_table, entry: object, message: str):
    change_table(_set("7", "IR", "LS3", "1", to=entry))
    with pytest.raises(DataError, match=rf"query\.txt:1: .*{message}"):
        read_bupt_campus(root)


@pytest.mark.parametrize("suffix", [".png", ".JPG"])
@pytest.mark.parametrize("tracklet", ["1", "2"], ids=["one tracklet", "two tracklets"])
def test_files_that_differ_in_their_suffix_alone(root: Path, change_table, suffix: str, tracklet: str):
    """They have one key, so one of them would be read twice and the other never."""

    def change(table: dict) -> None:
        tracklets = table["7"]["IR"]["LS3"]
        first = tracklets["1"][0]
        tracklets[tracklet] = [*tracklets.get(tracklet, []), str(Path(first).with_suffix(suffix))]

    change_table(change)
    with (root / "gallery.txt").open("a") as file:
        file.write(f"7 IR LS3 {tracklet}\n")
    with pytest.raises(
        DataError, match=rf"\.txt:\d+: .* names 7/IR/LS3/(\S+)\.jpg and 7/IR/LS3/\1\{suffix}, which differ"
    ):
        read_bupt_campus(root)


@pytest.mark.parametrize("keys", [(), ("7",), ("7", "IR", "LS3")], ids=["identity", "modality", "tracklet"])
def test_a_key_that_is_twice_in_one_object(root: Path, keys: tuple[str, ...]):
    text = (root / "data_paths.json").read_text()
    inner = json.loads(text)
    for key in keys:
        inner = inner[key]
    name, value = next(iter(inner.items()))
    old, new = json.dumps(inner), json.dumps(inner)[:-1] + f', "{name}": {json.dumps(value)}}}'
    assert text.count(old) == 1
    (root / "data_paths.json").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=rf'data_paths\.json: the key "{name}" is twice in one object, the second time'):
        read_bupt_campus(root)


@pytest.mark.parametrize("text", ["[]", "{}", '{"1": ', "\xff"])
def test_a_frame_table_that_is_none(root: Path, text: str):
    (root / "data_paths.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"data_paths\.json"):
        read_bupt_campus(root)


def test_frames_that_are_not_on_disk_are_counted_and_found_by_the_check(root: Path):
    data = read_bupt_campus(root)
    gone = [data.test["v2i"].query.frames.name(key) for key in data.test["v2i"].query.tracklets[0].frames[1:3]]
    for file in gone:
        Path(file).unlink()
    broken = read_bupt_campus(root)
    assert broken.notes == (
        f"2 of 136 frames that data_paths.json names are not on disk, first {gone[0]} ({root}/query.txt:2)",
    )
    report = check_dataset(broken)
    assert [f"frame {file} is missing" for file in gone] == list(report.bad)
    with pytest.raises(DataError, match=r"train\.txt:1: none of the 4 frames of this visible tracklet"):
        shutil.rmtree(root / "DATA" / "1" / "RGB")
        read_bupt_campus(root)


def test_png_frames_keep_their_suffix(root: Path):
    data = read_bupt_campus(root)
    key = data.train.tracklets[0].frames[0]
    path = Path(data.train.frames.name(key))
    cv2.imwrite(str(path.with_suffix(".png")), load_frame(data.train.frames, key))
    path.unlink()
    (root / "data_paths.json").write_text((root / "data_paths.json").read_text().replace(path.name, f"{path.stem}.png"))
    again = read_bupt_campus(root)
    assert again.notes == () and again.train.tracklets == data.train.tracklets
    assert again.train.frames.name(key) == str(path.with_suffix(".png"))


def test_what_the_official_code_accepts_is_noted(root: Path, change_table):
    _without_skeletons(root)
    change_table(lambda table: table["1"]["RGB"]["G25"]["1"].pop())
    moved = json.loads((root / "data_paths.json").read_text())
    for modality in ("RGB", "IR"):
        files = moved["2"][modality].pop("CQ1")
        (root / "DATA" / "2" / modality / "CQ1").rename(root / "DATA" / "2" / modality / "ROOF")
        moved["2"][modality]["ROOF"] = {"1": [file.replace("/CQ1/", "/ROOF/") for file in files["1"]]}
    (root / "data_paths.json").write_text(json.dumps(moved))
    lines = (root / "train.txt").read_text().replace("2 RGB/IR CQ1 1", "2 RGB/IR ROOF 1")
    (root / "train.txt").write_text(lines + "3 RGB/IR W4 1\n7 RGB/IR LS3 1\n")
    notes = read_bupt_campus(root).notes
    assert notes == (
        f"cameras ROOF are none of BUPTCampus ({', '.join(CAMERAS)})",
        f"train.txt repeats 2 tracklets, first {root}/train.txt:5",
        f"1 pairs have more frames in one modality than in the other, first {root}/train.txt:1",
        "1 identities are both in train.txt and in query.txt: 7",
        "1 identities are both in train.txt and in gallery.txt: 7",
    )


def _without_skeletons(root: Path) -> None:
    for file in root.glob("*.h5"):
        file.unlink()


def test_frames_out_of_order_and_frames_twice_in_a_tracklet_are_noted(root: Path, change_table):
    _without_skeletons(root)

    def change(table: dict) -> None:
        table["7"]["IR"]["LS3"]["1"].reverse()
        gallery = table["7"]["IR"]["G25"]["1"]
        gallery[2:] = gallery[:2]

    change_table(change)
    assert read_bupt_campus(root).notes == (
        f"1 tracklets have a frame more than once in data_paths.json, first that of {root}/gallery.txt:2",
        "in 1 tracklets the frame numbers do not rise in data_paths.json, first in that of "
        f"{root}/query.txt:1; they are taken in the order of the file",
    )


def test_names_without_numbers_have_no_order(root: Path, change_table):
    _without_skeletons(root)
    files = [f"7/IR/LS3/{name}.jpg" for name in ("late", "early", "7", "1")]
    first = next((root / "DATA" / "7" / "IR" / "LS3").iterdir())
    for file in files:
        shutil.copy(first, root / "DATA" / file)
    change_table(_set("7", "IR", "LS3", "1", to=files))
    assert read_bupt_campus(root).notes == ()


def test_two_tracklets_with_the_same_files_are_noted(root: Path, change_table):
    """Numbers of the same length and of another: the frames of a query are those of a gallery tracklet, or in one."""
    _without_skeletons(root)
    files = json.loads((root / "data_paths.json").read_text())["7"]["IR"]["LS3"]["1"]
    (root / "gallery.txt").write_text((root / "gallery.txt").read_text() + "7 IR LS3 2\n7 IR LS3 3\n")

    def change(table: dict) -> None:
        table["7"]["IR"]["LS3"] |= {"2": files, "3": files[1:3]}

    change_table(change)
    assert read_bupt_campus(root).notes == (
        f"4 frames are in more than one tracklet, such as {files[0].removesuffix('.jpg').replace('IR', 'ir', 1)} of "
        f"{root}/query.txt:1 and {root}/gallery.txt:13",
    )


def test_queries_that_are_in_the_gallery_are_noted(root: Path):
    _without_skeletons(root)
    (root / "gallery.txt").write_text((root / "gallery.txt").read_text() + (root / "query.txt").read_text())
    assert read_bupt_campus(root).notes == (
        f"6 tracklets are both queries and in the gallery, first {root}/query.txt:1 and {root}/gallery.txt:13",
    )


def test_nothing_to_rank_is_said_before_training(tmp_path: Path):
    """The only infrared query and its gallery tracklet are from one camera."""
    data = write_tiny_bupt(tmp_path, infrared_queries=3, visible_queries=3, frames=1)
    lines = [line for line in (data.root / "gallery.txt").read_text().splitlines() if line.split()[0] in ("8", "9")]
    (data.root / "gallery.txt").write_text("\n".join(lines))
    require_matches(read_bupt_campus(data.root, same_camera_filter=False))
    with pytest.raises(DataError, match=r"none of the 3 infrared queries .* seen by another camera, so i2v cannot"):
        require_matches(read_bupt_campus(data.root))
