"""`star-embed` with a model that embeds by colour: sources, bad frames, kills, and what the file says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from support.fake_estimator import DiagonalRecipe
from support.footage import HEIGHT, WIDTH, ColourModel, level, loader_of, write_tracklets, write_tracks, write_video
from support.tiny_vcm import write_tiny_vcm

import star
from star.config.compose import compose_run
from star.config.embed_command import read_embed_command
from star.embedding import embed as embedding
from star.errors import ConfigError, DataError
from star.search.feature_files import read_features

COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "grey": (90, 90, 90)}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ColourModel:
    return use(monkeypatch, ColourModel())


def use(monkeypatch: pytest.MonkeyPatch, model: ColourModel) -> ColourModel:
    monkeypatch.setattr(star, "load", loader_of(model), raising=False)
    return model


def run(out: Path, *arguments: str) -> str:
    return embedding.embed(read_embed_command(["model=run", f"out={out}", "workers=1", *arguments]))


def test_a_folder_of_tracklets_becomes_a_file(tmp_path, model):
    folder = write_tracklets(tmp_path / "people", COLOURS)
    out = tmp_path / "people.npz"
    said = run(out, f"tracklets={folder}", "modality=visible", "camera=7", "batch=3")
    assert f"{out}: 4 tracklets, 9 numbers each (float32)" in said and "cannot be decoded" not in said
    found = read_features(out)
    assert found.items.names.tolist() == ["blue", "green", "grey", "red"]
    assert set(found.items.cameras) == {"7"} and set(found.items.modalities) == {"visible"}
    assert np.isnan(found.items.starts).all() and set(found.items.clocks) == {""}
    assert found.items.frames.tolist() == [5] * 4
    assert found.values.dtype == np.float32 and (found.values[0].reshape(3, 3).argmax(axis=1) == 2).all()
    np.testing.assert_allclose(np.linalg.norm(found.values, axis=1), 1, rtol=1e-6)
    assert (found.about["fingerprint"], found.about["width"]) == (model.fingerprint, 9)
    assert found.about["model"] == "colours, last checkpoint"
    assert found.about["clip"] == {"frames": 3, "height": 32, "width": 16, "joints": False}
    assert all(strip.startswith(b"\xff\xd8") for strip in found.items.strips)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people", "people.npz"]


def test_a_finished_file_is_not_made_again_and_not_replaced_unasked(tmp_path, model):
    folder, out = write_tracklets(tmp_path / "people", COLOURS), tmp_path / "people.npz"
    first = [f"tracklets={folder}", "modality=visible"]
    run(out, *first)
    assert "is there already, made by the same model from the same tracklets" in run(out, *first)
    assert model.embedded == 4
    with pytest.raises(DataError, match=r"is there already, made otherwise \(type was float32\): give another out="):
        run(out, *first, "type=float16")
    run(out, *first, "type=float16", "overwrite=true")
    assert read_features(out).values.dtype == np.float16 and model.embedded == 8


def test_other_frames_under_the_same_names_are_other_tracklets(tmp_path, model):
    folder, out = write_tracklets(tmp_path / "people", COLOURS), tmp_path / "people.npz"
    arguments = (f"tracklets={folder}", "modality=visible")
    run(out, *arguments)
    write_tracklets(folder, {"red": (20, 200, 20)})
    with pytest.raises(DataError, match=r"is there already, made otherwise \(source state was "):
        run(out, *arguments)
    run(out, *arguments, "overwrite=true")
    found = read_features(out)
    assert found.items.names[3] == "red" and (found.values[3].reshape(3, 3).argmax(axis=1) == 1).all()


def test_bad_frames_are_counted_and_a_tracklet_without_a_good_one_does_not_stop_the_others(tmp_path, model):
    folder, out = write_tracklets(tmp_path / "people", COLOURS), tmp_path / "people.npz"
    (folder / "red" / "1.jpg").write_bytes(b"")
    for path in (folder / "blue").iterdir():
        path.write_bytes(b"no image")
    said = run(out, f"tracklets={folder}", "modality=visible")
    assert "1 of the frames of 1 tracklet cannot be decoded: the nearest good frame stands in" in said
    assert "1 tracklet without a feature:\n  blue: no frame of a clip can be decoded" in said
    found = read_features(out)
    assert found.items.names.tolist() == ["green", "grey", "red"] and found.items.bad_frames.tolist() == [0, 0, 1]


def test_what_a_stopped_command_made_is_kept(tmp_path, monkeypatch):
    folder, out = write_tracklets(tmp_path / "people", COLOURS), tmp_path / "people.npz"
    arguments = (f"tracklets={folder}", "modality=infrared", "batch=1")
    use(monkeypatch, ColourModel(stop_after=3))
    with pytest.raises(KeyboardInterrupt):
        run(out, *arguments)
    assert not out.exists()
    after = use(monkeypatch, ColourModel())
    run(out, *arguments)
    assert after.embedded == 1
    whole = read_features(out)
    run(tmp_path / "other.npz", *arguments)
    again = read_features(tmp_path / "other.npz")
    np.testing.assert_array_equal(whole.values, again.values)
    assert whole.items.names.tolist() == again.items.names.tolist() and whole.items.strips == again.items.strips
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.npz", "people", "people.npz"]


def test_a_video_gives_tracks_with_times(tmp_path, model):
    video = write_video(tmp_path / "v.avi")
    boxes = [(frame, 4, 10, 10, 30, 60) for frame in range(11, 31)]
    tracks = write_tracks(tmp_path / "v.txt", [*boxes, (2, 9, 0, 0, WIDTH, HEIGHT), (3, 8, WIDTH, 0, 5, 5)])
    out = tmp_path / "v.parquet"
    source = (f"video={video}", f"tracks={tracks}", "modality=infrared", "camera=gate")
    said = run(out, *source, "type=float16")
    assert f"{tracks}: 22 boxes of 3 tracks; left out: 1 outside the image" in said
    assert "1 track without a frame and a feature: 8" in said
    found = read_features(out)
    assert found.items.names.tolist() == ["v/4", "v/9"] and found.items.frames.tolist() == [20, 1]
    (clock,) = set(found.items.clocks)
    assert clock.startswith("video v.avi ") and len(clock) == len("video v.avi ") + 12
    np.testing.assert_allclose(found.items.starts, [1.0, 0.1])
    np.testing.assert_allclose(found.items.ends, [3.0, 0.2])
    expected = np.array([level(n) + 1 for n in (10, 17, 24)], float)
    np.testing.assert_allclose(found.values[0, ::3] / found.values[0, 0], expected / expected[0], rtol=5e-3)

    run(tmp_path / "t.npz", *source, "start='2024-05-31T14:00:00+02:00'", "frame_rate=20")
    timed = read_features(tmp_path / "t.npz")
    assert set(timed.items.clocks) == {"utc"} and timed.items.starts[0] == 1717156800.5


def test_times_of_two_videos_of_one_name_have_two_clocks(tmp_path, model):
    tracks = write_tracks(tmp_path / "v.txt", [(frame, 4, 10, 10, 30, 60) for frame in range(1, 21)])
    clocks = {}
    for folder, frames in (("a", 30), ("b", 29), ("copy of a", 30)):
        (tmp_path / folder).mkdir()
        video, out = write_video(tmp_path / folder / "v.avi", frames), tmp_path / folder / "v.npz"
        run(out, f"video='{video}'", f"tracks={tracks}", "modality=visible")
        (clocks[folder],) = set(read_features(out).items.clocks)
    assert clocks["a"] != clocks["b"] and clocks["a"] == clocks["copy of a"]


def test_cut_frames_that_are_gone_are_cut_anew(tmp_path, monkeypatch):
    video = write_video(tmp_path / "v.avi")
    tracks = write_tracks(
        tmp_path / "v.txt", [(frame, track, 9, 9, 30, 60) for frame in range(1, 21) for track in (1, 2)]
    )
    arguments = (f"video={video}", f"tracks={tracks}", "modality=visible", "batch=1")
    use(monkeypatch, ColourModel(stop_after=1))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "v.npz", *arguments)
    shutil.rmtree(tmp_path / ".v.npz.unfinished" / "tracklets" / "2")
    use(monkeypatch, ColourModel())
    run(tmp_path / "v.npz", *arguments)
    assert read_features(tmp_path / "v.npz").items.names.tolist() == ["v/1", "v/2"]


def test_a_model_that_reads_joints_needs_an_estimator_and_uses_it(tmp_path, monkeypatch):
    folder, out = write_tracklets(tmp_path / "people", COLOURS), tmp_path / "people.npz"
    use(monkeypatch, ColourModel(uses_joints=True))
    arguments = (f"tracklets={folder}", "modality=visible")
    with pytest.raises(ConfigError, match="pose: given null, expected an estimator, as this model reads joints"):
        run(out, *arguments)
    monkeypatch.setattr(embedding, "estimator_recipe", lambda pose: DiagonalRecipe())
    run(out, *arguments, "pose=movenet", f"pose.model={folder / 'red' / '1.jpg'}")
    found = read_features(out)
    assert found.width == 12 and found.items.joints.shape == (4, 4, 17, 3)
    np.testing.assert_allclose(found.items.joints[0, 0, :, 0], (np.arange(17) + 0.5) / 17, atol=1e-3)
    assert found.about["estimator"]["estimator"] == "diagonal"


def test_a_split_of_a_data_set_has_identities_and_cameras(tmp_path, monkeypatch):
    vcm = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=2)
    composed, _ = compose_run([f"dataset.root={vcm.root}"], "pack")
    dataset = OmegaConf.to_container(composed.dataset, resolve=True)
    use(monkeypatch, ColourModel(dataset=dataset))
    run(tmp_path / "q.npz", "split=query")
    found = read_features(tmp_path / "q.npz")
    assert found.items.identities.tolist() == [3, 3, 4, 4] and set(found.items.cameras) == {"2"}
    assert found.items.names[:2].tolist() == ["0003/ir/D2/1-12", "0003/ir/D2/13-24"]
    run(tmp_path / "t.npz", "split=train")
    modalities = read_features(tmp_path / "t.npz").items.modalities
    assert modalities.tolist() == ["infrared", "infrared", "visible", "visible"] * 2
    with pytest.raises(ConfigError, match=r"split: given galery, expected a split of .*did you mean gallery\?"):
        run(tmp_path / "x.npz", "split=galery")
    with pytest.raises(ConfigError, match=r"dataset.root: given .*absent, expected an existing folder"):
        run(tmp_path / "x.npz", "split=query", f"dataset.root={tmp_path / 'absent'}")
    assert not (tmp_path / "x.npz").exists() and not list(tmp_path.glob(".x.npz*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tracklets=.", "modality=infared"], "modality: given 'infared', expected one of visible, infrared or null"),
        (
            ["tracklets=.", "modality=visible", "trackss=x"],
            "given 'x', expected no such key (did you mean tracks?)",
        ),
        (
            ["modality=visible"],
            "given null, expected exactly one of split=NAME, tracklets=FOLDER and video=FILE",
        ),
        (["tracklets=.", "modality=visible", "start=noon"], "start: given noon, expected video=... beside it"),
        (["tracklets=.", "modality=visible", "pose=movenet"], "pose.model: given null, expected a MoveNet SinglePose"),
        (
            ["tracklets=.", "modality=visible", "pose=movent"],
            "pose: given movent, expected one of movenet",
        ),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, said):
    with pytest.raises(ConfigError) as caught:
        read_embed_command(["model=run", f"out={tmp_path / 'o.npz'}", *arguments])
    assert said in str(caught.value)
