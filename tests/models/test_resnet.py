import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from star.errors import ConfigError
from star.models import ResNet
from star.models.resnet import MaxPool


def strides(network: ResNet, stage: str) -> list[int]:
    block = getattr(network, stage)[0]
    return [cell.stride[0] for name, cell in block.cells_and_names() if name.startswith("conv")]


def test_where_the_stride_is():
    arguments = {"layers": (1, 1, 1, 1), "width": 4}
    assert strides(ResNet("bottleneck", style="pytorch", **arguments), "stage2") == [1, 2, 1]
    assert strides(ResNet("bottleneck", style="caffe", **arguments), "stage2") == [2, 1, 1]
    assert strides(ResNet("basic", **arguments), "stage2") == [2, 1]
    assert strides(ResNet("bottleneck", last_stride=1, **arguments), "stage4") == [1, 1, 1]
    assert strides(ResNet("bottleneck", last_stride=2, **arguments), "stage4") == [1, 2, 1]


@pytest.mark.parametrize(("block", "width", "channels"), [("basic", 4, 32), ("bottleneck", 4, 128)])
@pytest.mark.parametrize(("last_stride", "size"), [(1, (4, 2)), (2, (2, 1))])
def test_shape_of_the_map(block, width, channels, last_stride, size):
    network = ResNet(block, (1, 2, 1, 1), width, last_stride=last_stride)
    assert network.out_channels == channels
    frames = Tensor(np.random.default_rng(0).standard_normal((2, 3, 64, 32)).astype(np.float32))
    assert network(frames, True).shape == (2, channels, *size)


def test_only_stems_are_doubled():
    names = [p.name for p in ResNet("basic", (1, 1, 1, 1), 4).get_parameters()]
    assert len(names) == len(set(names))
    assert {name.split(".")[0] for name in names} == {
        "visible_stem",
        "infrared_stem",
        *(f"stage{i}" for i in (1, 2, 3, 4)),
    }
    assert sum(name.endswith("conv.weight") for name in names) == 2


def test_wrong_options_are_refused_together():
    with pytest.raises(ConfigError) as error:
        ResNet("dense", (1, 1), 0, "keras", 3)  # pyright: ignore[reportArgumentType]
    keys = [problem.key.removeprefix("backbone.") for problem in error.value.problems]
    assert keys == ["block", "style", "layers", "width", "last_stride"]


@pytest.mark.parametrize("size", [(16, 8), (9, 7)])
def test_the_two_forms_of_the_pool_are_equal(size):
    """That of other devices needs no kernel that only some have."""
    data = np.random.default_rng(0).standard_normal((4, 3, *size)).astype(np.float32)
    results = []
    for bordered in (False, True):
        pool = MaxPool(bordered)
        value, gradient = ms.value_and_grad(lambda x, pool=pool: (pool(ops.relu(x)) ** 3).sum())(Tensor(data))
        results.append((pool(ops.relu(Tensor(data))).asnumpy(), value.asnumpy(), gradient.asnumpy()))
    for own, other in zip(*results, strict=True):
        np.testing.assert_array_equal(own, other)
    assert np.count_nonzero(results[0][2]) > 10
