from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from star.config.check import Rule, check_command, check_overrides
from star.config.compose import compose_run, group_choices, sweep_jobs
from star.config.environment import prepare_environment
from star.config.schema import Config
from star.errors import ConfigError

EXPERIMENTS = group_choices()["experiment"]
BACKBONES = group_choices()["backbone"]


def problems_of(*overrides: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        check_overrides(overrides)
    assert all(problem.key in str(error.value) for problem in error.value.problems)
    return {problem.key: problem.expected for problem in error.value.problems}


def test_the_experiments_of_the_paper_and_its_ablations_exist():
    assert set(EXPERIMENTS) >= {
        *("baseline", "plain", "star", "star_release", "frame_only", "sequence_only", "joints_only", "bones_only"),
        *("no_consistency", "cross_modality_consistency", "release_graph"),
    }


@pytest.mark.parametrize(
    ("choice", "dataset"),
    [
        *((f"experiment={name}", "hitsz_vcm") for name in EXPERIMENTS),
        *((f"backbone={name}", "synthetic") for name in BACKBONES),
        *(("backbone=tiny", dataset) for dataset in group_choices()["dataset"]),
    ],
)
def test_every_experiment_backbone_and_data_set_composes(choice: str, dataset: str, tmp_path: Path):
    """Every experiment on generated people: `test_no_run_has_more_params_than_the_store_takes`."""
    generated = dataset.startswith("synthetic")
    root = [] if generated else [f"dataset.root={tmp_path}"]
    network = ["experiment=clip_prototypes"] if choice.startswith("backbone=clip") else []
    config = check_overrides([*network, choice, f"dataset={dataset}", *root])
    assert config.dataset.kind == ("synthetic" if generated else dataset)


def test_only_experiments_on_clip_choose_a_backbone(project: Path):
    files = (project / "conf" / "experiment").glob("*.yaml")
    assert {file.stem for file in files if "/backbone" in file.read_text()} == {"clip_prototypes", "vld"}


def test_the_baseline_is_star_without_skeletons_and_their_loss():
    baseline, _ = compose_run(["experiment=baseline"])
    derived, _ = compose_run(["experiment=star", "skeleton_graph=none", "~loss.joints_bones"])
    assert baseline == derived
    assert not check_overrides(["experiment=baseline", "dataset=synthetic"]).skeleton_graph.used


def test_the_recipe_of_the_paper(tmp_path: Path):
    config = check_overrides(["experiment=star", "dataset=hitsz_vcm", f"dataset.root={tmp_path}"])
    dataset, schedule, backbone = config.dataset, config.schedule, config.backbone
    assert (dataset.frames, dataset.height, dataset.width, dataset.min_frames) == (12, 288, 144, 12)
    assert (schedule.identities, schedule.tracklets, schedule.epochs) == (8, 2, 130)
    assert (schedule.learning_rate, schedule.backbone_factor, schedule.warmup_epochs) == (0.1, 0.1, 10)
    assert (schedule.milestones, schedule.gamma) == ([60, 120], 0.1)
    assert [config.optimiser[key] for key in ("momentum", "nesterov", "weight_decay")] == [0.9, True, 5e-4]
    augmentation = dataset.augmentation
    assert (augmentation.pad, augmentation.flip, augmentation.erase) == (10, 0.5, 0.5)
    assert (augmentation.erase_area, augmentation.erase_aspect) == ([0.02, 0.4], [0.3, 3.3333333])
    assert (augmentation.erase_law, augmentation.erase_fill) == ("uniform", "release")
    assert (augmentation.geometry, augmentation.erase_per) == ("clip", "clip")
    colours = ("weighted_greyscale", "channel_exchange", "colour_jitter", "infrared_jitter")
    assert all(getattr(augmentation, name) == 0 for name in colours)
    assert [backbone[key] for key in ("block", "layers", "width", "last_stride")] == ["bottleneck", [3, 4, 6, 3], 64, 1]
    assert all(term["weight"] == 1.0 for term in config.loss.values())
    assert set(config.loss) == {
        *("identity", "triplet", "frame_identity", "disturbed_identity", "defence", "joints_bones")
    }
    assert config.guidance["sequence"]["powers"] == [0.7, 1, 3, 5, 7]


def test_milestones_given_replace_those_of_the_schedule():
    for schedule, own in (("paper", [60, 120]), ("quick", [7]), ("from_scratch", [7])):
        overrides = ["dataset=synthetic", f"schedule={schedule}"]
        assert check_overrides(overrides).schedule.milestones == own
        for given in ([21, 28], []):
            assert check_overrides([*overrides, f"schedule.milestones={given}"]).schedule.milestones == given


def test_a_size_is_a_choice_of_data_backbone_and_schedule():
    usual, _ = compose_run([])
    assert compose_run(["size=paper"])[0] == usual
    small, _ = compose_run(["size=cpu", "experiment=frames_10"])
    assert (small.dataset.kind, small.dataset.frames) == ("synthetic", 10)
    assert small.schedule.epochs < usual.schedule.epochs
    chosen, _ = compose_run(["size=cpu", "dataset=hitsz_vcm", "experiment=star"])
    assert chosen.dataset.kind == "hitsz_vcm" and chosen.backbone == small.backbone


def test_the_release_variant():
    config = check_overrides(["experiment=star_release", "dataset=synthetic"])
    skeleton = config.skeleton_graph
    assert (skeleton.graph, skeleton.coordinates, skeleton.pose_classifier) == ("release", "pixels", True)
    assert skeleton.pose_initial == "uniform"
    assert "cross_modality" in config.loss and not {"joints_bones", "pose_identity"} & set(config.loss)


@pytest.mark.parametrize("dataset", ["synthetic", "synthetic_easy", "synthetic_exact", "synthetic_distinct"])
def test_generated_people_keep_the_erasing_of_their_studies(dataset: str):
    for experiment in ("star", "baseline", "saadg"):
        augmentation = check_overrides([f"experiment={experiment}", f"dataset={dataset}"]).dataset.augmentation
        assert (augmentation.erase_law, augmentation.erase_fill) == ("log_uniform", "mean")
        assert (augmentation.erase_area, augmentation.erase_aspect) == ([0.02, 0.4], [0.3, 3.3])


def test_every_problem_is_listed_at_once():
    found = problems_of(
        *("backbone=resnet5", "dataset=synthetic", "foo=1", "schedule.epochs=two", "schedule.warmup_epoch=3"),
        *("hardware=gpu", "skeleton_graph=none", "loss.triplet.margn=1", "loss.identity.weight=-1", "seed=-1"),
        "dataset.generate.no_such_level=1",
    )
    assert set(found) == {
        *("backbone", "foo", "schedule.epochs", "schedule.warmup_epoch", "hardware.target", "loss.joints_bones"),
        *("loss.triplet.margn", "loss.identity.weight", "seed", "dataset.generate.no_such_level"),
    }
    assert "resnet50" in found["backbone"] and found["backbone"].endswith(" (did you mean resnet50?)")
    assert "did you mean warmup_epochs?" in found["schedule.warmup_epoch"]
    assert "skeleton_graph." in found["loss.joints_bones"]


@pytest.mark.parametrize("inside", ["info", "Train", "data_paths.json"])
def test_a_data_set_is_no_folder_for_generated_sets(inside: str, tmp_path: Path):
    """`size=cpu` means generated data: whoever gives the folder of a real set would train on others within it."""
    overrides = ["experiment=star", "size=cpu", f"dataset.root={tmp_path}"]
    check_overrides(overrides)
    (tmp_path / inside).mkdir()
    with pytest.raises(ConfigError, match="dataset.root: given .* or dataset=hitsz_vcm or bupt_campus as well"):
        check_overrides(overrides)


@pytest.mark.parametrize(
    ("overrides", "key", "expected"),
    [
        (["skeleton_graph.bones=false", "loss=baseline"], "skeleton_graph.frame_guidance", "skeleton_graph.bones=true"),
        (
            ["skeleton_graph.attention_heads=3"],
            "skeleton_graph.attention_heads",
            "a divisor of the embedding width 2048",
        ),
        (["style=none"], "loss.defence", "style.attack=true"),
        (["loss=cross_modality"], "loss.cross_modality", "skeleton_graph.pose_classifier=true"),
        (["hardware=ascend"], "hardware.target", "no Ascend"),
        (["hardware.processes=3"], "hardware.processes", "a divisor of schedule.identities=8"),
        (["backbone.pretrained=no/such/file.npz"], "backbone.pretrained", "an existing file"),
        (["style.gain=[2,1]"], "style.gain", "[smallest, largest]"),
        (["style.gain=null"], "style.gain", "style.augmentation=false"),
        (["dataset.augmentation.erase_law=normal"], "dataset.augmentation.erase_law", "one of uniform, log_uniform"),
        (["dataset.augmentation.erase_fill=grey"], "dataset.augmentation.erase_fill", "one of release, mean"),
        (["dataset.augmentation.pad=32"], "dataset.augmentation.pad", "dataset.height=64 and dataset.width=32"),
        (["dataset.augmentation.geometry=frames"], "dataset.augmentation.geometry", "one of clip, frame"),
        (["dataset.augmentation.erase_per=3"], "dataset.augmentation.erase_per", "one of clip, frame"),
        (["dataset.augmentation.colour_jitter=1.5"], "dataset.augmentation.colour_jitter", "at most 1"),
        (["dataset.augmentation.brightness=2"], "dataset.augmentation.brightness", "at most 1"),
        (
            ["dataset.augmentation.weighted_greyscale=1", "dataset.augmentation.channel_exchange=0.5"],
            "dataset.augmentation.channel_exchange",
            "weighted_greyscale below 1",
        ),
        (
            ["dataset.augmentation={infrared_jitter:0.5,brightness:0,contrast:0}"],
            "dataset.augmentation.infrared_jitter",
            "brightness and contrast above 0",
        ),
        (
            ["dataset.augmentation={colour_jitter:0.5,brightness:0,contrast:0,saturation:0}"],
            "dataset.augmentation.colour_jitter",
            "brightness, contrast and saturation above 0",
        ),
        (["loss.identity._target_=star.losses.Nothing"], "loss.identity._target_", "a name in star.losses"),
        (["aggregation=max"], "skeleton_graph.sequence_guidance", "Maximum has no mean over the frames"),
        (["dataset=hitsz_vcm"], "dataset.root", "dataset.root=FOLDER"),
        (["dataset=hitsz_vcm", "dataset.root=no/such/folder"], "dataset.root", "an existing folder"),
        (["dataset=bupt_campus"], "dataset.root", "dataset.root=FOLDER"),
        (["dataset=bupt_campus", "dataset.root=no/such/folder"], "dataset.root", "an existing folder"),
        (["dataset=bupt_campus", "dataset.protocol=drop64"], "dataset.protocol", "one of full, official_drop64"),
        (
            ["dataset=bupt_campus", "dataset.protocol=official_drop64", "dataset.min_frames=12"],
            "dataset.min_frames",
            "leaves no tracklet out",
        ),
        (["dataset.protocol=official_drop64"], "dataset.protocol", "full, or dataset=bupt_campus"),
        (["dataset.same_camera_filter=null"], "dataset.same_camera_filter", "true or false"),
        (["dataset.auxiliary=true"], "dataset.auxiliary", "only dataset=bupt_campus"),
        (["dataset.fake_infrared=true"], "dataset.fake_infrared", "only dataset=bupt_campus"),
        (["schedule.learning_rate=${nothing}"], "schedule.learning_rate", "resolves"),
    ],
)
def test_wrong_combinations_and_values(overrides: list[str], key: str, expected: str):
    found = problems_of("experiment=star", "dataset=synthetic", *overrides)
    assert expected in found[key]


def prepared(**given: str) -> str:
    """What a process says whose only preparation is the check of a configuration."""
    code = """
import os, sys
from pathlib import Path
from star.config.check import check_overrides

check_overrides(["dataset=synthetic"])
assert "mindspore" in sys.modules
from google.protobuf.internal import api_implementation
import mindspore as ms

assert float((ms.Tensor(1.0) + 1).asnumpy()) == 2
threads = {(folder / "comm").read_text().strip() for folder in Path("/proc/self/task").iterdir()}
print(os.environ["ONEDNN_MAX_CPU_ISA"], api_implementation.Type(), "frontend_queue" in threads)
"""
    ours = ("ONEDNN_MAX_CPU_ISA", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "MS_DEV_HOST_BLOCKING_RUN")
    environment = {key: value for key, value in os.environ.items() if key not in ours} | given
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "may have no effect" not in done.stderr, done.stderr
    return done.stdout.strip()


def test_the_check_prepares_the_environment_before_mindspore():
    assert prepared() == "AVX2 upb False"


def test_what_the_user_has_set_stays():
    assert prepared(ONEDNN_MAX_CPU_ISA="SSE41", MS_DEV_HOST_BLOCKING_RUN="0") == "SSE41 upb True"


def test_other_devices_keep_mindspore_s_threads(monkeypatch: pytest.MonkeyPatch):
    hardware = check_overrides(["dataset=synthetic"]).hardware
    monkeypatch.delenv("MS_DEV_HOST_BLOCKING_RUN")
    prepare_environment(replace(hardware, target="Ascend"))
    assert "MS_DEV_HOST_BLOCKING_RUN" not in os.environ


def test_a_command_is_held_against_its_own_schema_and_rules():
    small = ["experiment=baseline", "dataset=synthetic"]
    assert check_command(small, "train", Config).dataset.kind == "synthetic"
    odd = Rule("seed", lambda c: c.seed % 2 == 1, lambda c: "an odd number")
    with pytest.raises(ConfigError) as error:
        check_command([*small, "hardware.processes=3", "dataset.heigh=3", "tracker=mlfow"], "train", Config, [odd])
    assert {problem.key: problem.expected for problem in error.value.problems} == {
        "tracker": "one of mlflow, none (did you mean mlflow?)",
        "dataset.heigh": "no such key (did you mean height?)",
        "hardware.processes": "a divisor of schedule.identities=8, which the processes share",
        "seed": "an odd number",
    }


def test_sweeps_are_expanded_as_hydra_does():
    assert sweep_jobs(["experiment=baseline,star", "seed=range(0,2)", "backbone=tiny"]) == [
        ["experiment=baseline", "seed=0", "backbone=tiny"],
        ["experiment=baseline", "seed=1", "backbone=tiny"],
        ["experiment=star", "seed=0", "backbone=tiny"],
        ["experiment=star", "seed=1", "backbone=tiny"],
    ]


def test_rankings_by_onnx_runtime_need_its_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("star.config.constraints.find_spec", lambda name: None if name == "onnxruntime" else name)
    with pytest.raises(ConfigError, match=r"hardware\.embedding: given onnxruntime, expected mindspore, or the pack"):
        check_overrides(["experiment=star", "dataset=synthetic", "hardware.embedding=onnxruntime"])
