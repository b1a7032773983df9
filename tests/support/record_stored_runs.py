"""Make tests/stored_runs with the version that is first on the path; its README has the command."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np
from support.commands import SMALL, start
from support.stored_runs import FEATURES, OUTPUTS, ROOT, TEXT, replace_text, write_data

from star.config.check import check_config
from star.config.stored_run import stored_config
from star.engine.build_data import evaluation_loader, load_data
from star.engine.checkpoint import load_checkpoint

WIDTH = "backbone.width"
OVERRIDES = (
    *(text for text in SMALL if not text.startswith(WIDTH)),
    *(f"{WIDTH}=2", "seed=0", "study=stored", "hardware.mode=pynative", "dataset=hitsz_vcm"),
)
OWN = {
    "baseline": ("schedule.backbone_factor=0.5",),
    "star": ("schedule.weight_decay=0.0004", "pooling.guided_powers=[1,3]", "skeleton_graph.joint_dropout=0.2"),
}
"""A run's own overrides: of keys that may get another name one day."""
DROPPED = {"config.yaml", "hydra.yaml"}
"""Files of Hydra that nothing reads."""


def record(name: str, target: Path, outputs: Path, root: Path) -> None:
    process = start("train", (f"experiment={name}", *OVERRIDES, *OWN[name], f"dataset.root={root}"), outputs)
    text, _ = process.communicate()
    if process.returncode:
        sys.exit(text)
    (folder,) = outputs.glob("runs/*")
    features = retrieval_features(folder)
    shutil.rmtree(target, ignore_errors=True)
    for path in folder.rglob("*"):
        kept = path.suffix in TEXT or path.match("last-*.safetensors")
        if kept and not (path.parent.name == ".hydra" and path.name in DROPPED):
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    paths = {str(folder): f"{OUTPUTS}/runs/{name}", str(outputs): OUTPUTS, str(root): ROOT}
    replace_text(target, paths | {f'"{socket.gethostname()}"': '"host"'})
    np.savez(target / FEATURES, **features)


def retrieval_features(folder: Path) -> dict[str, np.ndarray]:
    """Of every test split by its name, from the checkpoint "last" of a run."""
    config = check_config(stored_config(folder))
    data = load_data(config)
    from star.engine.build_network import build_embedders, build_model
    from star.engine.train_state import NetworkState
    from star.evaluation.evaluator import embed

    model = build_model(config, identities=len(data.train.identities))
    NetworkState(model).restore(load_checkpoint(folder / "checkpoints", "last")[0])
    model.set_train(False)
    embedders = build_embedders(config, model)
    return {
        split.name: embed(embedders[split.modality], evaluation_loader(config, split)) for split in data.test_splits
    }


if __name__ == "__main__":
    for run in OWN:
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary).resolve() / "outputs"
            made.mkdir()
            record(run, Path(sys.argv[1]) / run, made, write_data(made.parent / "data"))
