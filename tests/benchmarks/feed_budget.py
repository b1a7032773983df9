"""How many processor cores keep accelerators fed, on paper: `python tests/benchmarks/feed_budget.py --rate 4000`.

Counts the multiplications of a training step of ResNet-50 (convolutions only: nothing else is near them), with the
backward pass at twice the forward pass and the style attack repeating stages 3 and 4. The step time follows from an
assumed share of the device's peak; nothing here was measured on an accelerator.
"""

from __future__ import annotations

import argparse

LAYERS, WIDTH, EXPANSION = (3, 4, 6, 3), 64, 4
FORWARD_AND_BACKWARD = 3
ATTACKED = (3, 4)


def stage_macs(height: int, width: int, last_stride: int) -> list[float]:
    """Multiply-adds a frame of the stem and the four stages, in units of 1e9."""
    height, width = -(-height // 2), -(-width // 2)
    macs = [height * width * 7 * 7 * 3 * WIDTH]
    height, width, channels = -(-height // 2), -(-width // 2), WIDTH
    for number, blocks in enumerate(LAYERS):
        inner, stride = WIDTH << number, (1, 2, 2, last_stride)[number]
        total = 0
        for block in range(blocks):
            step = stride if block == 0 else 1
            total += height * width * channels * inner
            height, width = -(-height // step), -(-width // step)
            total += height * width * inner * (9 * inner + EXPANSION * inner)
            if block == 0:
                total += height * width * channels * EXPANSION * inner
            channels = EXPANSION * inner
        macs.append(total)
    return [count / 1e9 for count in macs]


def main() -> None:
    """Print the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(288, 144), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--last-stride", type=int, default=1)
    parser.add_argument("--frames", type=int, default=384, help="of a step, all devices together")
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--peak", type=float, default=256, help="of one device, 1e12 operations a second (Ascend 910)")
    parser.add_argument("--utilisation", type=float, nargs="+", default=(0.2, 0.25, 0.3, 0.5, 1.0))
    parser.add_argument("--rate", type=float, nargs="+", default=(4000.0,), help="frames a second of one core")
    options = parser.parse_args()
    height, width = options.size
    stages = stage_macs(height, width, options.last_stride)
    attacked = sum(stages[stage] for stage in ATTACKED)
    operations = 2 * FORWARD_AND_BACKWARD * (sum(stages) + attacked) * 1e9
    print("multiply-adds a frame, 1e9: " + ", ".join(f"{n:.2f}" for n in stages) + f"; all {sum(stages):.2f}")
    print(f"with the attack {sum(stages) + attacked:.2f}; forward and backward {operations / 1e9:.1f}e9 operations")
    for share in options.utilisation:
        needed = options.devices * share * options.peak * 1e12 / operations
        cores = ", ".join(f"{needed / rate:.1f} at {rate:,.0f}" for rate in options.rate)
        print(
            f"{share:4.0%} of the peak: step {options.frames / needed:.3f} s, {needed:6,.0f} frames/s for "
            f"{options.devices} devices = cores: {cores}"
        )


if __name__ == "__main__":
    main()
