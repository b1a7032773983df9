"""What the skeleton branches alone learn of an identity: `python tests/benchmarks/skeleton_probe.py --epochs 40`.

The skeleton branches of a network and its pose classifier are trained without any frame, by the cross entropy of the
pose logits, on the clips and with the recipe of a configuration. The test set is ranked by the pose descriptor. A line
is what was trained since the line before, and a ranking. Overrides go behind, e.g. `dataset.generate.joint_noise=0`.
"""

from __future__ import annotations

import argparse
import logging

import numpy as np

from star.config.check import check_overrides
from star.config.schema import Config
from star.types import DIRECTIONS

RECIPE = ("experiment=cross_modality_consistency", "size=cpu")


def probe(config: Config, every: int) -> None:
    """Train and print; `every` is the number of epochs between rankings."""
    import mindspore as ms
    from mindspore import Tensor

    from star.engine.apply_gradients import make_update
    from star.engine.build_data import evaluation_loader, load_data, train_loader
    from star.engine.build_network import build_model, draws_of_step
    from star.engine.hardware import select_device
    from star.engine.optimisers import SGD
    from star.engine.schedule import learning_rates
    from star.evaluation.evaluator import rank_test_set
    from star.losses.identity import cross_entropy
    from star.models.random_inputs import KEEP_MASKS

    select_device(config.hardware)
    data, schedule = load_data(config), config.schedule
    loader = train_loader(config, data)
    model = build_model(config, identities=len(data.train.identities))
    rates = learning_rates(
        schedule.learning_rate,
        epochs=schedule.epochs,
        batches=len(loader),
        warmup_epochs=schedule.warmup_epochs,
        milestones=schedule.milestones,
        gamma=schedule.gamma,
    )
    weights = [*model.skeleton.trainable_params(), *model.pose_classifier.trainable_params()]
    options = {key: config.optimiser[key] for key in ("momentum", "nesterov", "weight_decay")}
    optimiser = SGD(**options).build([(weights, rates, 1.0)])

    def describe(joints: Tensor, *dropout: Tensor) -> Tensor:
        return model.skeleton(joints, *dropout)[model.skeleton.gives.index("descriptor")]

    def loss(joints: Tensor, identities: Tensor, *dropout: Tensor) -> tuple[Tensor, Tensor]:
        logits = model.pose_classifier(describe(joints, *dropout))
        return cross_entropy(logits, identities), logits

    value_and_grad = ms.value_and_grad(loss, None, optimiser.parameters, has_aux=True)
    update = make_update(optimiser, clip_norm=schedule.clip_norm, processes=1, loss_scale=None)

    @ms.jit
    def train(joints: Tensor, identities: Tensor, *dropout: Tensor) -> tuple[Tensor, Tensor]:
        (value, logits), gradients = value_and_grad(joints, identities, *dropout)
        update(value, gradients)
        return value, logits

    draw = draws_of_step(config, model)
    print(f"loss of a guess {np.log(len(data.train.identities)):.3f}\n steps   loss  train R1   i2v mAP   v2i mAP")
    losses, hits = [], []
    for epoch in range(schedule.epochs):
        model.set_train(True)
        for number, batch in enumerate(loader.epoch(epoch), epoch * len(loader)):
            joints = np.concatenate([batch.visible_joints, batch.infrared_joints])
            identities = np.concatenate([batch.identities, batch.identities])
            value, logits = train(*map(Tensor, (joints, identities, *(draw(number)[0][name] for name in KEEP_MASKS))))
            losses.append(float(value.asnumpy()))
            hits.append(float(np.mean(logits.asnumpy().argmax(1) == identities)))
        if (epoch + 1) % every == 0 or epoch + 1 == schedule.epochs:
            model.set_train(False)
            features = {}
            for split in data.test_splits:
                rows = [describe(Tensor(b.joints)).asnumpy()[: b.count] for b in evaluation_loader(config, split)]
                features[split.name] = _normalised(np.concatenate(rows))
            scores = rank_test_set(data, features).scores
            i2v, v2i = (100 * scores[direction].mean_average_precision for direction in DIRECTIONS)
            steps = (epoch + 1) * len(loader)
            print(f"{steps:6} {np.mean(losses):6.3f} {100 * np.mean(hits):9.1f} {i2v:9.2f} {v2i:9.2f}", flush=True)
            losses, hits = [], []


def _normalised(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--every", type=int, default=10, help="epochs between rankings")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    logging.getLogger("star").setLevel(logging.ERROR)
    length = [f"schedule.epochs={options.epochs}", f"schedule.milestones=[{round(0.7 * options.epochs)}]"]
    probe(check_overrides([*RECIPE, *length, *options.overrides]), options.every)


if __name__ == "__main__":
    main()
