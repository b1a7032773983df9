"""Training losses: cells that name the tensors they read and give a scalar.

Every class tells in `reads` which tensors its `construct` takes, in their order: those of
`star.models.reid.ReIDOutput`, what other parts give, and of the batch `identities` and `modality`.
"""

from star.losses.clip_prototypes import ClipPrototypes
from star.losses.cross_modality_consistency import CrossModalityConsistency
from star.losses.defence import Defence
from star.losses.easy_positive import EasyPositive
from star.losses.identity import DisturbedIdentity, FrameIdentity, Identity, PoseIdentity
from star.losses.joints_bones_consistency import JointsBonesConsistency
from star.losses.modality import Modality, ModalityConfusion
from star.losses.modality_alignment import ModalityAlignment
from star.losses.mutual import Mutual
from star.losses.reconstruction import ReconstructionError
from star.losses.separation import DiverseAttention, OrthogonalFrames
from star.losses.triplet import BatchHardTriplet
from star.losses.weighted import WeightedLosses
from star.losses.weighted_triplet import WeightedTriplet

__all__ = [
    "BatchHardTriplet",
    "ClipPrototypes",
    "CrossModalityConsistency",
    "Defence",
    "DisturbedIdentity",
    "DiverseAttention",
    "EasyPositive",
    "FrameIdentity",
    "Identity",
    "JointsBonesConsistency",
    "Modality",
    "ModalityAlignment",
    "ModalityConfusion",
    "Mutual",
    "OrthogonalFrames",
    "PoseIdentity",
    "ReconstructionError",
    "WeightedLosses",
    "WeightedTriplet",
]
