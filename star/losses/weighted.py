"""The training objective: named terms, each with a weight (method: losses)."""

from collections.abc import Mapping, Sequence

from mindspore import Tensor, nn

from star.errors import ConfigError, Problem

LABELS = "identities"


class WeightedLosses(nn.Cell):
    """Weighted sum of named terms.

    Parameters of a term are named `loss.<term>.<...>`.

    Args:
        terms: losses by name; each tells in `reads` what it is called with. One that tells `requires` instead, as
            losses did before, is called as `loss(output, identities)`.
        weights: weight of each term, the same names.
        on: tensors that terms read instead of their own, see `reads_of`.
        from_epoch: epochs from which terms count, by name; 0 where none is given.

    Attributes:
        names: names of the terms, in the order of the second result.
        from_epoch: of each term.
        reads: of each term, what it is called with.
        requires: all tensors that some term reads, but for the identities.

    Raises:
        ConfigError: no term, or names of terms and weights that differ.
    """

    def __init__(
        self,
        terms: dict[str, nn.Cell],
        weights: dict[str, float],
        on: Mapping[str, str | Sequence[str] | Mapping[str, str]] | None = None,
        from_epoch: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(auto_prefix=False)
        problems = [Problem("loss", "no term", "one or more terms")] if not terms else []
        for name in sorted(terms.keys() ^ weights.keys()):
            given = "a term without a weight" if name in terms else "a weight without a term"
            problems.append(Problem(f"loss.{name}", given, "both"))
        if problems:
            raise ConfigError(problems)
        for name, term in terms.items():
            term.update_parameters_name(f"loss.{name}.")
        self.names = tuple(terms)
        self.reads = tuple(reads_of(term, (on or {}).get(name)) for name, term in terms.items())
        self.whole_output = tuple(not hasattr(term, "reads") for term in terms.values())
        self.requires = tuple(sorted({name for reads in self.reads for name in reads} - {LABELS}))
        self.terms = nn.CellList(list(terms.values()), auto_prefix=False)
        self.weights = tuple(float(weights[name]) for name in self.names)
        self.from_epoch = tuple(int((from_epoch or {}).get(name, 0)) for name in self.names)
        self.not_scalar = tuple(f"loss.{name}: its construct does not return one number" for name in self.names)
        self.everything = tuple(range(len(self.names)))

    def construct(self, output: dict, identities: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tensors by name and identities [n] int32 -> (total, unweighted terms in the order of `names`)."""
        return self.of(self.everything, output, identities)

    def of(self, positions: tuple[int, ...], output: dict, identities: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As `construct`, of some of the terms."""
        total = 0.0
        values = ()
        for position in positions:
            value = self.term(position, output, identities)
            if value.shape != ():
                raise ValueError(self.not_scalar[position])
            values = values + (value,)
            total = total + self.weights[position] * value
        return total, values

    def term(self, position: int, output: dict, identities: Tensor) -> Tensor:
        """One unweighted term."""
        if self.whole_output[position]:
            return self.terms[position](output, identities)
        inputs = ()
        for name in self.reads[position]:
            if name == LABELS:  # noqa: SIM108 (compiled, both sides of a conditional expression are looked up)
                inputs = inputs + (identities,)
            else:
                inputs = inputs + (output[name],)
        return self.terms[position](*inputs)


def reads_of(term: object, on: str | Sequence[str] | Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What a term is called with.

    Args:
        term: a loss or its class.
        on: `on` of the configuration: one name for the first tensor the term reads, names for its tensors in their
            order (the labels `identities` and `modality` stay), or {its own name: another name}.
    """
    own = tuple(getattr(term, "reads", getattr(term, "requires", ())))
    if on is None:
        return own
    if isinstance(on, Mapping):
        return tuple(str(on.get(name, name)) for name in own)
    others = iter([on] if isinstance(on, str) else on)
    return tuple(name if name in (LABELS, "modality") else str(next(others, name)) for name in own)
