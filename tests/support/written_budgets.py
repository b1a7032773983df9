"""GB of memory on Ascend, with fragments, that jobs of the paper's size may need: 3 % more than what was measured."""

BUDGETS = {
    "star": 25.2,
    "star hardware=ascend_2": 25.3,
    "star hardware=ascend_2 hardware.batch_norm=local": 12.9,
    "star hardware.recompute=true": 16.0,
    "star_release": 25.2,
    "baseline": 23.7,
    "plain": 16.6,
    "bones_only": 24.1,
    "joints_only": 23.8,
    "frame_only": 24.1,
    "sequence_only": 23.9,
    "no_consistency": 25.2,
    "release_graph": 25.2,
    "cross_modality_consistency": 25.2,
    "frames_6": 12.9,
    "frames_10": 20.1,
    "large_frames": 42.5,
    "agw": 20.6,
    "agw skeleton_graph=full": 21.2,
    "saadg": 12.6,
    "saadg skeleton_graph=full": 12.9,
    "iban": 11.3,
    "iban skeleton_graph=full": 12.4,
    "m3reid": 17.7,
    "m3reid skeleton_graph=frame": 40.9,
    "m3reid skeleton_graph=full": 61.8,
    "vld": 20.1,
    "vld skeleton_graph=frame": 20.1,
    "clip_prototypes": 15.8,
    "clip_prototypes skeleton_graph=frame": 15.9,
    "mitml": 11.2,
    "mitml skeleton_graph=full": 12.4,
}
"""By experiment and overrides, at level O3 where nothing else is said."""
HOST = {"m3reid skeleton_graph=frame": 11, "m3reid skeleton_graph=full": 26}
"""GB of this machine's memory, swap included, that the dry run of a large network takes."""
LIKE_STAR = {
    *("channel_exchange", "clean_skeletons", "colour_jitter", "frame_augmentation", "frame_erasing"),
    "weighted_greyscale",
}
"""Experiments that change only what is read: they have STAR's graphs."""
