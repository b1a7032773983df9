"""The network of the authors' release in NumPy float64, training mode, without style attack: what float32 should give.

Weights come from a model's parameters by name; see `star.models.reid` for the symbols.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from star.models.joint_graph import ATTENTION_HEADS, BONES, averaging_matrix, neighbours

STAGES = ((3, 1), (4, 2), (6, 2), (3, 1))
POWERS = (0.7, 1, 3, 5, 7)
Array = np.ndarray


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def convolution(x: Array, weight: Array, stride: int) -> Array:
    pad = weight.shape[-1] // 2
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = sliding_window_view(x, weight.shape[2:], (2, 3))[:, :, ::stride, ::stride]  # type: ignore[call-overload]
    return np.einsum("mchwij,ocij->mohw", windows, weight, optimize=True)


def max_pool(x: Array) -> Array:
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    return sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max((-1, -2))  # type: ignore[call-overload]


class Float64Star:
    """The release's network.

    Args:
        weights: parameter name -> value.
        frames: T.
    """

    def __init__(self, weights: Mapping[str, Array], frames: int):
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}
        self.frames = frames

    def clip(self, visible: Array, infrared: Array, joints: Array) -> tuple[Array, Array]:
        """Normalised frames [b t 3 h w] twice and joints [2b t j 3] -> clip features [2b d] and logits [2b k]."""
        stems = zip((visible, infrared), ("visible", "infrared"), strict=True)
        x = np.concatenate([self._stem(frames.reshape(-1, *frames.shape[2:]), f"{m}_stem") for frames, m in stems])
        for number, (blocks, stride) in enumerate(STAGES, 1):
            for block in range(blocks):
                x = self._block(x, f"backbone.stage{number}.{block}", stride if block == 0 else 1)
        frames = x.mean((2, 3)).reshape(len(joints), self.frames, -1)
        bones, z = self._skeleton(joints.astype(np.float64))
        guide = "frame_guidance."
        answers = (
            self._attend(bones, frames, f"{guide}bones_ask_frames"),
            self._attend(frames, bones, f"{guide}frames_ask_bones"),
        )
        hidden = relu(self._dense(np.concatenate(answers, -1), f"{guide}hidden"))
        guided = relu(self._dense(hidden, f"{guide}out")) + frames + 1e-3
        mixture = softmax(self._dense(z, "pooling.mixture").reshape(len(z), len(POWERS), -1), 1)
        means = np.stack([((guided**p).mean(1) + 1e-12) ** (1 / p) for p in POWERS], 1)
        features = (mixture * means).sum(1)
        return features, self._dense(self._norm(features, "clip_neck.norm"), "clip_neck.classifier")

    def _dense(self, x: Array, name: str) -> Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0)

    def _norm(self, x: Array, name: str) -> Array:
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        gamma, beta = (self.weights[f"{name}.{w}"].reshape(-1, *[1] * (x.ndim - 2)) for w in ("gamma", "beta"))
        return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5) * gamma + beta

    def _stem(self, x: Array, name: str) -> Array:
        x = convolution(x.astype(np.float64), self.weights[f"backbone.{name}.conv.weight"], 2)
        return max_pool(relu(self._norm(x, f"backbone.{name}.norm")))

    def _block(self, x: Array, name: str, stride: int) -> Array:
        y = relu(self._norm(convolution(x, self.weights[f"{name}.conv1.weight"], 1), f"{name}.norm1"))
        y = relu(self._norm(convolution(y, self.weights[f"{name}.conv2.weight"], stride), f"{name}.norm2"))
        y = self._norm(convolution(y, self.weights[f"{name}.conv3.weight"], 1), f"{name}.norm3")
        shortcut = self.weights.get(f"{name}.shortcut.0.weight")
        if shortcut is not None:
            x = self._norm(convolution(x, shortcut, stride), f"{name}.shortcut.1")
        return relu(y + x)

    def _skeleton(self, joints: Array) -> tuple[Array, Array]:
        """Joints [b t j 3] -> S [b t d] and z [b 2d]."""
        starts, ends = np.array(BONES).T
        bones = joints[:, :, ends, :2] - joints[:, :, starts, :2]
        angles = np.arctan2(bones[..., 1], bones[..., 0])
        features = np.stack((np.linalg.norm(bones, axis=-1), angles), -1).reshape(*joints.shape[:2], -1)
        embedded = self._dense(features, "skeleton.bones.linear")
        s = np.concatenate((self._lstm(embedded, ""), self._lstm(embedded[:, ::-1], "_reverse")[:, ::-1]), -1)
        mask = neighbours("release", self.frames)
        nodes = joints.reshape(len(joints), -1, 3)
        for layer, heads in zip(("layer1", "layer2"), ATTENTION_HEADS, strict=True):
            nodes = elu(self._graph_attention(nodes, f"skeleton.joints.{layer}", heads, mask))
        averaging = averaging_matrix(nodes[0].size, s.shape[-1]).astype(np.float64)
        g = (nodes.reshape(-1, len(averaging)) @ averaging).reshape(len(joints), -1)
        return s, self._norm(np.concatenate((s[:, -1], g), 1), "skeleton.norm")

    def _lstm(self, x: Array, suffix: str) -> Array:
        wi, wh, bi, bh = (
            self.weights[f"skeleton.bones.lstm.{name}_l0{suffix}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state = cell = np.zeros((len(x), wh.shape[1]))
        outputs = []
        for step in range(x.shape[1]):
            enter, forget, new, show = np.split(x[:, step] @ wi.T + bi + state @ wh.T + bh, 4, 1)
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
            state = sigmoid(show) * np.tanh(cell)
            outputs.append(state)
        return np.stack(outputs, 1)

    def _graph_attention(self, nodes: Array, name: str, heads: int, mask: Array) -> Array:
        values = _split_heads(self._dense(nodes, f"{name}.linear"), heads)
        source, target = ((values * self.weights[f"{name}.{end}"][:, :, None]).sum(-1) for end in ("source", "target"))
        scores = target[..., None] + source[:, :, None]
        attention = softmax(np.where(mask, np.maximum(scores, 0.2 * scores), -np.inf))
        return _join_heads(attention @ values) + self.weights[f"{name}.bias"]

    def _attend(self, asking: Array, content: Array, name: str) -> Array:
        roles = (("query", asking), ("key", content), ("value", content))
        query, key, value = (_split_heads(self._dense(x, f"{name}.{role}"), 4) for role, x in roles)
        scores = query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1])
        return self._dense(_join_heads(softmax(scores) @ value), f"{name}.out")


def _split_heads(x: Array, heads: int) -> Array:
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _join_heads(x: Array) -> Array:
    x = x.swapaxes(1, 2)
    return x.reshape(*x.shape[:2], -1)
