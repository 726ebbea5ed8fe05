"""Which file is sent under which number."""

import random
from dataclasses import dataclass, field

from tests.fuzz import damage, structure
from tests.fuzz.impostors import IMPOSTORS
from tests.fuzz.seeds import seeds

_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and what was done to make it."""

    number: int
    recipe: str
    content: bytes = field(repr=False)


def make(seed: int, number: int) -> Made:
    """File `number` of `seed`: one in twelve made up, the others valid recordings that were mutated one to three times.

    Every sixtieth is left as it is, so that a service that refuses all does not pass.
    """
    chance = random.Random(f"{seed}/{number}")  # noqa: S311  # the same at every run
    kinds = list(seeds())
    name = chance.choice(kinds)
    content = seeds()[name]
    if number % 60 == 0:
        return Made(number, name, content)
    if chance.random() < 1 / 12:
        invented = chance.choice(IMPOSTORS)
        return Made(number, invented.__name__, invented(chance))
    done = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        mutations = structure.MUTATIONS if chance.random() < 0.4 else damage.MUTATIONS
        mutation = chance.choice(mutations)
        changed = mutation(chance, content or b"\0", seeds()[chance.choice(kinds)])
        if changed == content:
            # Not of this format, or not changed by chance: some bits instead.
            mutation = damage.flip_bits
            changed = mutation(chance, content or b"\0", b"")
        content = changed[:_MOST_BYTES]
        done.append(mutation.__name__)
    return Made(number, f"{name}: {', '.join(done)}", content)


def intact(number: int) -> bool:
    """Whether file `number` is a valid recording, whatever the seed."""
    return number % 60 == 0
