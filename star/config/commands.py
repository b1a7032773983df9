"""Commands with a configuration of their own: `--help` that explains its keys, `--cfg job`, and the check."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple, TypeVar

from omegaconf import OmegaConf

from star.config.check import Rule, check_command
from star.config.compose import compose_run, group_choices
from star.config.hydra_compose import CONFIG_MODULE
from star.errors import ConfigError

T = TypeVar("T")


class Command(NamedTuple):
    """What `--help` says of a command.

    Attributes:
        program: its name.
        description: one sentence.
        config_name: `conf/<config_name>.yaml`.
        examples: arguments, one example a line.
        explained: groups whose choices are shown key by key.
    """

    program: str
    description: str
    config_name: str
    examples: tuple[str, ...]
    explained: tuple[str, ...] = ()

    def help(self) -> str:
        """Examples, groups and every key with its comment, as they stand in `conf/`."""
        choices = group_choices(self.config_name)
        lines = [f"{self.program}: {self.description}", ""]
        lines += [f"  {self.program} {example}" for example in self.examples]
        lines += ["", "Groups (GROUP=CHOICE):", ""] if choices else []
        lines += [f"  {group}: {', '.join(names)}" for group, names in choices.items()]
        lines += ["", "Keys (KEY=VALUE):", "", *keys_of(f"{self.config_name}.yaml")]
        for group in self.explained:
            for name in choices[group]:
                lines += ["", f"With {group}={name} ({group}.KEY=VALUE):", "", *keys_of(f"{group}/{name}.yaml")]
        others = "Every other key of a group is shown by --cfg job. " if choices else ""
        lines += ["", f"{others}-h, --help shows this."]
        return "\n".join(lines) + "\n"


def read_command(arguments: Sequence[str], command: Command, schema: type[T], rules: Sequence[Rule] = ()) -> T:
    """Parse and check the arguments of a command; `--help` and `--cfg job` answer and end the process.

    Args:
        arguments: without the program's name.
        command: what it is.
        schema: dataclass of its configuration.
        rules: between its keys.

    Raises:
        ConfigError: lists every problem of the configuration.
    """
    parser = argparse.ArgumentParser(command.program, add_help=False, usage=f"{command.program} [--help] KEY=VALUE ...")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-c", "--cfg", choices=("job",))
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_intermixed_args(list(arguments))
    if options.help:
        sys.stdout.write(command.help())
        sys.exit()
    if options.cfg:
        composed, problems = compose_run(options.overrides, command.config_name)
        if problems:
            raise ConfigError(problems)
        sys.stdout.write(OmegaConf.to_yaml(composed))
        sys.exit()
    return check_command(options.overrides, command.config_name, schema, rules)


def keys_of(file: str) -> list[str]:
    """The lines of a configuration file without its defaults list and the first comment."""
    lines = (files(CONFIG_MODULE) / file).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith(("defaults:", "  - ", "kind:"))]
    return [f"  {line}" for line in (kept[1:] if kept[0].startswith("#") else kept)]
