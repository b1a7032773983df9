"""The network: trunk, skeleton branches, guidance, pooling, heads, and what wires them."""

from star.models.embedder import Embedder
from star.models.network import Network
from star.models.normalise import Normalise
from star.models.precision import set_precision
from star.models.pretrained import PretrainedReport, load_pretrained
from star.models.reid import VideoReID
from star.models.resnet import ResNet

__all__ = [
    "Embedder",
    "Network",
    "Normalise",
    "PretrainedReport",
    "ResNet",
    "VideoReID",
    "load_pretrained",
    "set_precision",
]
