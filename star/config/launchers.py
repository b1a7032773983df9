"""Default values of Hydra's launchers that suit trainings; any override replaces them."""

from __future__ import annotations

from collections.abc import Sequence

_DEVICES = '[ -z "$SLURM_JOB_GPUS" ] || export ASCEND_RT_VISIBLE_DEVICES=$SLURM_JOB_GPUS'
DEFAULTS = {
    "submitit_local": ("hydra.launcher.name=star", "hydra.launcher.timeout_min=4320"),
    "submitit_slurm": (
        "hydra.launcher.name=star",
        "hydra.launcher.timeout_min=1440",
        "hydra.launcher.max_num_timeout=30",
        "hydra.launcher.signal_delay_s=120",
        "+hydra.launcher.additional_parameters.requeue=true",
        f"hydra.launcher.setup=['{_DEVICES}']",
    ),
    "ray": (
        "+hydra.launcher.ray.remote.num_cpus=1",
        "+hydra.launcher.ray.remote.max_calls=1",
        "+hydra.launcher.ray.remote.max_retries=3",
    ),
}
"""By launcher; docs/sweeps.md says what they are for."""
_JOINING_RAY = (
    "+hydra.launcher.ray.init.object_store_memory=null",
    "+hydra.launcher.ray.init.runtime_env.env_vars.STAR_OUTPUTS=${star_outputs:}",
    "+hydra.launcher.ray.init.runtime_env.env_vars.STAR_CONFIG_DIR=${oc.env:STAR_CONFIG_DIR,''}",
    "+hydra.launcher.ray.init.runtime_env.env_vars.STAR_PARENT_RUN=${oc.env:STAR_PARENT_RUN,''}",
)
"""For a Ray that is there already: it refuses a size the plugin gives, and does not know this process's environment."""
_RAY_ADDRESS = "hydra.launcher.ray.init.address"
CLUSTERS = ("submitit_slurm", "ray")
"""Launchers whose jobs may run on machines unlike this one."""


def chosen_launcher(overrides: Sequence[str]) -> str | None:
    """The launcher that overrides of Hydra name; None for Hydra's own."""
    chosen = [text.partition("=")[2] for text in overrides if _key(text) == "hydra/launcher"]
    return chosen[-1] if chosen else None


def joins_ray(overrides: Sequence[str]) -> bool:
    """Whether overrides of Hydra name a Ray that is there already."""
    addresses = [text.partition("=")[2] for text in overrides if _key(text) == _RAY_ADDRESS]
    return addresses not in ([], ["null"])


def with_launcher_defaults(overrides: Sequence[str]) -> list[str]:
    """Overrides of a multirun, before them the defaults of its launcher that they do not replace."""
    given = {_key(text) for text in overrides}
    launcher = chosen_launcher(overrides)
    ours = [*DEFAULTS.get(launcher or "", ()), *(_JOINING_RAY if launcher == "ray" and joins_ray(overrides) else ())]
    return [*(text for text in ours if _key(text) not in given), *overrides]


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+")
