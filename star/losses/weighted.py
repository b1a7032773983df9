"""The training objective: named terms, each with a weight (method: losses)."""

from mindspore import Tensor, nn

from star.errors import ConfigError, Problem


class WeightedLosses(nn.Cell):
    """Weighted sum of named terms.

    Args:
        terms: losses by name, called as `loss(output, identities)`.
        weights: weight of each term, the same names.

    Attributes:
        names: names of the terms, in the order of the second result.
        requires: keys of `ReIDOutput` that some term reads.

    Raises:
        ConfigError: no term, or names of terms and weights that differ.
    """

    def __init__(self, terms: dict[str, nn.Cell], weights: dict[str, float]) -> None:
        super().__init__()
        problems = [Problem("loss", "no term", "one or more terms")] if not terms else []
        for name in sorted(terms.keys() ^ weights.keys()):
            given = "a term without a weight" if name in terms else "a weight without a term"
            problems.append(Problem(f"loss.{name}", given, "both"))
        if problems:
            raise ConfigError(problems)
        self.names = tuple(terms)
        self.requires = tuple(sorted({key for term in terms.values() for key in getattr(term, "requires", ())}))
        self.terms = nn.CellList(list(terms.values()))
        self.weights = tuple(float(weights[name]) for name in self.names)

    def construct(self, output: dict, identities: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """`ReIDOutput` and identities [n] int32, visible first -> (total, unweighted terms in the order of `names`)."""
        total = 0.0
        values = ()
        for position in range(len(self.weights)):
            value = self.terms[position](output, identities)
            values = values + (value,)
            total = total + self.weights[position] * value
        return total, values
