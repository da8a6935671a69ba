"""The schedule of kills: a seed becomes a list of strikes, the same each time, whatever the machine does meanwhile."""

import os
import random
from dataclasses import dataclass

EVERYTHING = "everything"


@dataclass(frozen=True, kw_only=True)
class Strike:
    """After `wait_s` of peace `first` is killed at once, and `pause_s` later `then`; what is dead starts again."""

    wait_s: float
    first: tuple[str, ...]
    pause_s: float = 0.0
    then: tuple[str, ...] = ()
    wipe: bool = False  # the broker's files are deleted while it is down
    down_s: float = 0.0  # how long the dead stay down

    @property
    def kills(self) -> int:
        """How many processes die."""
        return len(self.first) + len(self.then)


def schedule(seed: int, kills: int, gateways: tuple[str, ...]) -> list[Strike]:
    """Strikes with at least `kills` kills among them: a pure function of its arguments."""
    dice = random.Random(f"strikes {seed}")
    strikes: list[Strike] = []
    done = 0
    while done < kills:
        strikes.append(_strike(dice, gateways))
        done += strikes[-1].kills
    return strikes


def _strike(dice: random.Random, gateways: tuple[str, ...]) -> Strike:
    wait_s = round(dice.uniform(0.0, 1.6), 3)
    kind = dice.choice(["edge", "edges", "hub", "broker", "hub then broker", "hub then broker", EVERYTHING])
    wipe, down_s = dice.random() < 0.5, round(dice.choice([0.0, 0.0, dice.uniform(0.1, 1.0)]), 3)
    pause_s = round(dice.uniform(0.2, 1.0), 3)
    some = tuple(sorted(dice.sample(gateways, dice.randint(1, len(gateways)))))
    match kind:
        case "edge":
            return Strike(wait_s=wait_s, first=some[:1], down_s=down_s)
        case "edges":
            return Strike(wait_s=wait_s, first=some, down_s=down_s)
        case "hub":
            return Strike(wait_s=wait_s, first=("hub",), down_s=down_s)
        case "broker":
            return Strike(wait_s=wait_s, first=("broker",), wipe=wipe, down_s=down_s)
        case "hub then broker":  # the nastiest order: the broker has taken what no hub will ever hear
            return Strike(wait_s=wait_s, first=("hub",), pause_s=pause_s, then=("broker",), wipe=wipe, down_s=down_s)
    return Strike(wait_s=wait_s, first=("hub", "broker", *gateways), wipe=wipe, down_s=down_s)


def seed_of_the_day() -> int:
    """WARDLINE_CHAOS_SEED, or any; printed, so that a run can be had again."""
    seed = int(os.environ.get("WARDLINE_CHAOS_SEED") or random.randrange(1, 1_000_000))
    print(f"WARDLINE_CHAOS_SEED={seed}")
    return seed
