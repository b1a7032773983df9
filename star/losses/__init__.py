"""Training losses: one class a term, called as `loss(output: ReIDOutput, identities [n] int32) -> scalar`.

Every class tells in `requires` which keys of `star.types.ReIDOutput` it reads.
"""

from star.losses.cross_modality_consistency import CrossModalityConsistency
from star.losses.defence import Defence
from star.losses.disturbed_identity import DisturbedIdentity
from star.losses.frame_identity import FrameIdentity
from star.losses.identity import Identity
from star.losses.joints_bones_consistency import JointsBonesConsistency
from star.losses.pose_identity import PoseIdentity
from star.losses.triplet import BatchHardTriplet
from star.losses.weighted import WeightedLosses

__all__ = [
    "BatchHardTriplet",
    "CrossModalityConsistency",
    "Defence",
    "DisturbedIdentity",
    "FrameIdentity",
    "Identity",
    "JointsBonesConsistency",
    "PoseIdentity",
    "WeightedLosses",
]
