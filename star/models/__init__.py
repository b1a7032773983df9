"""The network: trunk, skeleton branches, guidance, pooling, heads."""

from star.models.draws import draw_training
from star.models.embedder import Embedder
from star.models.normalise import Normalise
from star.models.precision import set_precision
from star.models.pretrained import PretrainedReport, load_pretrained
from star.models.reid import VideoReID
from star.models.resnet import ResNet

__all__ = [
    "Embedder",
    "Normalise",
    "PretrainedReport",
    "ResNet",
    "VideoReID",
    "draw_training",
    "load_pretrained",
    "set_precision",
]
