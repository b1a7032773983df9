import sys
import types
import zipfile

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor
from safetensors.numpy import save_file

from star.errors import CheckpointError
from star.models import ResNet, load_pretrained


def trunk() -> ResNet:
    return ResNet("basic", (1, 1, 1, 1), 4)


def torchvision_weights(seed=0) -> dict[str, np.ndarray]:
    """A small ResNet under torchvision's names, with a classifier."""
    rng = np.random.default_rng(seed)
    weights = {"conv1.weight": (4, 3, 7, 7)}
    norms = {"bn1": 4}
    for stage, (inputs, width) in enumerate(((4, 4), (4, 8), (8, 16), (16, 32)), start=1):
        layer = f"layer{stage}.0"
        weights |= {f"{layer}.conv1.weight": (width, inputs, 3, 3), f"{layer}.conv2.weight": (width, width, 3, 3)}
        norms |= {f"{layer}.bn1": width, f"{layer}.bn2": width}
        if stage > 1:
            weights[f"{layer}.downsample.0.weight"] = (width, inputs, 1, 1)
            norms[f"{layer}.downsample.1"] = width
    for name, width in norms.items():
        weights |= {f"{name}.{tail}": (width,) for tail in ("weight", "bias", "running_mean", "running_var")}
    weights |= {"fc.weight": (10, 32), "fc.bias": (10,)}
    return {name: rng.random(shape, dtype=np.float32) for name, shape in weights.items()}


def save(path, weights):
    if path.suffix == ".safetensors":
        save_file(weights, path)
    elif path.suffix == ".npz":
        np.savez(path, **weights)
    else:
        tails = {"running_mean": "moving_mean", "running_var": "moving_variance"}
        renamed = {}
        for name, values in weights.items():
            head, _, tail = name.rpartition(".")
            if "bn" in head or head.endswith("downsample.1"):
                tail = {"weight": "gamma", "bias": "beta", **tails}[tail]
            renamed[f"{head}.{tail}"] = values
        ms.save_checkpoint([{"name": name, "data": Parameter(Tensor(v))} for name, v in renamed.items()], str(path))
    return path


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "ckpt"])
def test_every_parameter_is_set_and_the_classifier_is_listed(tmp_path, suffix):
    weights = torchvision_weights()
    network = trunk()
    report = load_pretrained(network, save(tmp_path / f"weights.{suffix}", weights))
    ours = {p.name: p.asnumpy() for p in network.get_parameters()}
    assert set(report.loaded) == set(ours) and report.not_loaded == ()
    assert sorted(report.unused) == ["fc.bias", "fc.weight"]
    assert "fc.bias" in report.describe() and "0 not in the file" in report.describe()
    for stem in ("visible_stem", "infrared_stem"):
        np.testing.assert_array_equal(ours[f"{stem}.conv.weight"], weights["conv1.weight"])
        np.testing.assert_array_equal(ours[f"{stem}.norm.moving_variance"], weights["bn1.running_var"])
    np.testing.assert_array_equal(ours["stage2.0.shortcut.1.gamma"], weights["layer2.0.downsample.1.weight"])
    np.testing.assert_array_equal(ours["stage4.0.norm2.beta"], weights["layer4.0.bn2.bias"])


def test_missing_tensors_are_listed_and_keep_their_values(tmp_path):
    weights = torchvision_weights()
    del weights["layer3.0.conv1.weight"]
    network = trunk()
    before = network.stage3[0].conv1.weight.asnumpy()
    report = load_pretrained(network, save(tmp_path / "w.safetensors", weights))
    assert report.not_loaded == ("stage3.0.conv1.weight",)
    assert "stage3.0.conv1.weight" in report.describe()
    np.testing.assert_array_equal(network.stage3[0].conv1.weight.asnumpy(), before)


def test_our_own_names_are_read_with_and_without_the_networks_prefix(tmp_path):
    source = {f"backbone.{p.name}": p.asnumpy() + 1 for p in trunk().get_parameters()}
    network = trunk()
    assert load_pretrained(network, save(tmp_path / "own.npz", source)).not_loaded == ()
    np.testing.assert_array_equal(
        network.infrared_stem.conv.weight.asnumpy(), source["backbone.infrared_stem.conv.weight"]
    )


def test_another_shape_names_tensor_and_shapes_and_changes_nothing(tmp_path):
    weights = torchvision_weights()
    weights["layer1.0.conv1.weight"] = np.zeros((5, 4, 3, 3), np.float32)
    network = trunk()
    before = network.visible_stem.conv.weight.asnumpy()
    with pytest.raises(
        CheckpointError, match=r"stage1\.0\.conv1\.weight: given \[5, 4, 3, 3\], expected \[4, 4, 3, 3\]"
    ):
        load_pretrained(network, save(tmp_path / "w.npz", weights))
    np.testing.assert_array_equal(network.visible_stem.conv.weight.asnumpy(), before)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layer1.0.conv1.weight", np.nan, r"stage1\.0\.conv1\.weight has NaN or infinity"),
        ("bn1.running_var", np.inf, r"visible_stem\.norm\.moving_variance has NaN or infinity"),
        ("layer1.0.bn1.running_var", -0.1, r"stage1\.0\.norm1\.moving_variance is below 0"),
    ],
)
def test_numbers_that_no_weights_have_are_refused(tmp_path, name, value, message):
    weights = torchvision_weights()
    weights[name].flat[1] = value
    with pytest.raises(CheckpointError, match=message):
        load_pretrained(trunk(), save(tmp_path / "w.npz", weights))


def test_a_file_of_little_that_fits_is_asked_about(tmp_path):
    weights = {name: values for name, values in torchvision_weights().items() if name.startswith("layer1.0.conv")}
    asked = "are these the weights of this trunk?"
    assert asked in load_pretrained(trunk(), save(tmp_path / "few.npz", weights)).describe()
    assert asked not in load_pretrained(trunk(), save(tmp_path / "all.npz", torchvision_weights())).describe()


def test_nothing_to_load_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"none of its 1 tensors \(fc\.weight\)"):
        load_pretrained(trunk(), save(tmp_path / "w.npz", {"fc.weight": np.zeros(3, np.float32)}))


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "ckpt"])
@pytest.mark.parametrize("damage", ["truncated", "noise", "empty"])
def test_a_damaged_file_is_named(tmp_path, suffix, damage):
    path = save(tmp_path / f"weights.{suffix}", torchvision_weights())
    content = path.read_bytes()
    noise = np.random.default_rng(0).bytes(1000)
    path.write_bytes({"truncated": content[: len(content) // 2], "noise": noise, "empty": b""}[damage])
    with pytest.raises(CheckpointError, match=rf"weights\.{suffix}"):
        load_pretrained(trunk(), path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet50.pth", r"pickles are not read; convert it.*resnet50\.safetensors"),
        ("weights.h5", r"expected a file ending in \.safetensors, \.npz, \.ckpt, or hf://"),
        ("none.npz", "there is no such file"),
        ("hf://owner", "expected hf://owner/name"),
    ],
)
def test_other_sources_are_refused_with_what_to_do(name, message):
    with pytest.raises(CheckpointError, match=message):
        load_pretrained(trunk(), name)


@pytest.mark.parametrize("prefix", ["module.", "model.", "model.module.", "encoder.backbone."])
@pytest.mark.parametrize("suffix", ["safetensors", "npz", "ckpt"])
def test_a_prefix_of_the_names_is_taken_off_and_said(tmp_path, suffix, prefix):
    weights = torchvision_weights()
    network = trunk()
    path = save(tmp_path / f"w.{suffix}", {f"{prefix}{name}": values for name, values in weights.items()})
    report = load_pretrained(network, path)
    assert report.not_loaded == () and set(report.unused) == {f"{prefix}fc.bias", f"{prefix}fc.weight"}
    np.testing.assert_array_equal(network.visible_stem.conv.weight.asnumpy(), weights["conv1.weight"])
    assert f"the prefix {report.prefix} of their names was taken off" in report.describe()
    assert prefix in (report.prefix, f"{report.prefix}backbone.")


def test_tensors_outside_the_prefix_are_not_used(tmp_path):
    weights = {f"net.{name}": values for name, values in torchvision_weights().items()}
    report = load_pretrained(trunk(), save(tmp_path / "w.npz", weights | {"loss.weight": np.zeros(3, np.float32)}))
    assert report.not_loaded == () and report.prefix == "net." and "loss.weight" in report.unused


def test_two_networks_in_one_file_are_refused(tmp_path):
    weights = torchvision_weights()
    both = {f"{net}.{name}": values for net in ("student", "teacher") for name, values in weights.items()}
    with pytest.raises(CheckpointError, match=r"w\.npz: holds several networks, under student\., teacher\.; expected"):
        load_pretrained(trunk(), save(tmp_path / "w.npz", both))


def test_texts_and_numbers_beside_the_weights_are_passed_over(tmp_path):
    weights = torchvision_weights()
    tensors = [{"name": name, "data": Tensor(values)} for name, values in weights.items()]
    extra = {"epoch_num": 3, "arch": "resnet18", "rate": 0.1, "best": True}
    ms.save_checkpoint(tensors, str(tmp_path / "w.ckpt"), append_dict=extra)
    report = load_pretrained(trunk(), tmp_path / "w.ckpt")
    assert report.not_loaded == () and "arch" not in report.unused


@pytest.mark.parametrize("suffix", ["ckpt", "CKPT", "pth", "pt", "bin", "safetensors", "npz", "weights"])
@pytest.mark.parametrize("form", ["zip", "cut zip", "pickle"])
def test_files_of_pytorch_are_known_by_their_first_bytes(tmp_path, suffix, form):
    path = tmp_path / f"epoch=3.{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/version", "3")
    if form != "zip":
        path.write_bytes(path.read_bytes()[:40] if form == "cut zip" else b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    message = r"PyTorch pickles are not read; convert it .*torch.load\('epoch=3.*state_dict.*'epoch=3\.safetensors'\)"
    with pytest.raises(CheckpointError, match="damaged" if (form, suffix) == ("cut zip", "npz") else message):
        load_pretrained(trunk(), path)


def test_a_file_with_the_suffix_of_another_kind_is_read(tmp_path):
    path = save(tmp_path / "w.safetensors", torchvision_weights()).rename(tmp_path / "w.ckpt")
    assert load_pretrained(trunk(), path).not_loaded == ()


def test_hugging_face_names(tmp_path, monkeypatch):
    asked = []

    def download(repo_id, filename):
        asked.append((repo_id, filename))
        return str(save(tmp_path / "model.safetensors", torchvision_weights()))

    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(hf_hub_download=download))
    assert load_pretrained(trunk(), "hf://owner/name").not_loaded == ()
    load_pretrained(trunk(), "hf://owner/name/folder/other.safetensors")
    assert asked == [("owner/name", "model.safetensors"), ("owner/name", "folder/other.safetensors")]


def test_hugging_face_offline_or_not_installed(monkeypatch):
    def offline(**_):
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(hf_hub_download=offline))
    with pytest.raises(CheckpointError, match=r"cannot get model\.safetensors.*no network"):
        load_pretrained(trunk(), "hf://owner/name")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match="pip install huggingface_hub"):
        load_pretrained(trunk(), "hf://owner/name")
