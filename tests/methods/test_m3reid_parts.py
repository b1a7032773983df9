"""Parts of M3-ReID against its authors' numbers, eager and compiled."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops
from support.method_numbers import drawn, gradients_of, set_weights

from star.data.colour import Colour, recolour
from star.losses import DiverseAttention, ModalityAlignment
from star.losses.separation import separation
from star.models.multi_view import MultiView
from star.models.non_local import SpatioTemporalNonLocal

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
NON_LOCAL = [("out.", "non_local.W.0."), ("norm.", "non_local.W.1."), ("", "non_local.")]
VIEWS = [("", "mvl_attention.view_attention_")]


def frame_by_frame(maps: Tensor) -> Tensor:
    """[b c t h w] -> [(b t) c h w]."""
    return ops.reshape(ops.transpose(maps, (0, 2, 1, 3, 4)), (-1, maps.shape[1], *maps.shape[3:]))


def clip_by_clip(maps: Tensor) -> Tensor:
    """[(b t) c h w] of three frames a clip -> [b c t h w]."""
    return ops.transpose(ops.reshape(maps, (-1, 3, *maps.shape[1:])), (0, 2, 1, 3, 4))


@MODES
def test_non_local_block_over_clips(reference, compiled):
    z = reference("m3_non_local")
    cell = SpatioTemporalNonLocal(16, 3)
    set_weights(cell.get_parameters(), NON_LOCAL)
    probe = Tensor(drawn("probe_m3_nl", *z["maps"].shape))

    def run(maps):
        out = clip_by_clip(cell(frame_by_frame(maps)))
        return ops.sum(out * probe), out

    cell.set_train(False)
    z.check("eval", run(Tensor(z["maps"]))[1])
    cell.set_train(True)
    (_, out), gradients, norms = gradients_of(run, compiled, cell, [z["maps"]])
    z.check("train", out)
    z.check("maps_grad", gradients[0])
    z.check_norms(norms, NON_LOCAL)
    z.check("running_mean_after", cell.norm.moving_mean)
    z.check("running_var_after", cell.norm.moving_variance)


@MODES
def test_multi_view_pooling(reference, compiled):
    z = reference("m3_multi_view")
    cell, loss = MultiView(16), DiverseAttention(3)
    set_weights(cell.get_parameters(), VIEWS)
    shapes = [z[f"masks_{view}"].shape for view in ("hw", "tw", "th")]
    probe = Tensor(drawn("probe_m3_mvl", 6, 96))
    probes = [Tensor(drawn(f"probe_m3_mask{place}", *shape)) for place, shape in enumerate(shapes)]

    def run(maps):
        out, masks = cell(ops.reshape(maps, (-1, *maps.shape[2:])))
        hw, tw, th = loss.by_view(masks)
        total = ops.sum(out * probe) + ops.sum(hw * probes[0]) + ops.sum(tw * probes[1]) + ops.sum(th * probes[2])
        return total, (out, hw, tw, th)

    (_, (out, hw, tw, th)), gradients, norms = gradients_of(run, compiled, cell, [z["maps"]])
    z.check("out", out.reshape(2, 3, 96))
    z.check("masks_hw", hw)
    z.check("masks_tw", tw)
    z.check("masks_th", th)
    z.check("maps_grad", gradients[0])
    z.check_norms(norms, VIEWS)


@MODES
@pytest.mark.parametrize("case", ["frames", "masks"])
def test_separation(reference, compiled, case):
    z = reference("m3_losses")

    def run(vectors):
        value = separation(vectors)
        return value, value

    (value, _), gradients, _ = gradients_of(run, compiled, None, [z[f"separation_{case}"]])
    z.check(f"separation_loss_{case}", value)
    z.check(f"separation_grad_{case}", gradients[0])


@MODES
@pytest.mark.parametrize("case", ["balanced", "mixed", "one_identity"])
def test_alignment(reference, compiled, case):
    z = reference("m3_losses")
    loss = ModalityAlignment()
    identities = Tensor(z[f"identities_{case}"].astype(np.int32))
    modality = Tensor((z[f"modality_{case}"] == 1).astype(np.int32))

    def run(features):
        value = loss(features, identities, modality)
        return value, value

    (value, _), gradients, _ = gradients_of(run, compiled, None, [z[f"alignment_{case}"]])
    if case == "one_identity":
        assert float(value) == 0 and not gradients[0].asnumpy().any()
    else:
        z.check(f"alignment_loss_{case}", value)
        z.check(f"alignment_grad_{case}", gradients[0])


@MODES
def test_nothing_to_separate_or_align_is_zero(compiled):
    rng = np.random.default_rng(0)
    features = Tensor(rng.standard_normal((4, 8)).astype(np.float32))
    identities, modality = Tensor([0, 0, 1, 1], ms.int32), Tensor([1, 1, 1, 1], ms.int32)
    alignment = ModalityAlignment()

    def run(features):
        return separation(features.reshape(4, 1, 8)), alignment(features, identities, modality)

    assert [float(value) for value in (ms.jit(run) if compiled else run)(features)] == [0, 0]


def test_weighted_greyscale_is_exact(reference):
    z = reference("m3_greyscale")
    for number in range(3):
        red, green, blue = z[f"weights_{number}"].tolist()
        frame = z["image"].copy()
        recolour(frame, Colour(grey=(red, green, blue), cut=True))
        np.testing.assert_array_equal(frame, z[f"grey_{number}"])
