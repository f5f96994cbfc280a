"""Bodies that attract one another: attributes and floats."""

import math


class Body:
    """A mass with a place and a speed."""

    def __init__(self, x: float, y: float, mass: float) -> None:
        """Place it at rest."""
        self.x, self.y, self.mass = x, y, mass
        self.u = self.v = 0.0

    def move(self, step: float) -> None:
        """Move by its speed."""
        self.x += self.u * step
        self.y += self.v * step


def bodies(count: int) -> list[Body]:
    """Return bodies on a spiral."""
    made = []
    for number in range(count):
        angle = number * 0.7
        made.append(Body(number * math.cos(angle), number * math.sin(angle), 1.0 + number % 3))
    return made


def attract(one: Body, other: Body, step: float) -> None:
    """Change the speeds of two bodies."""
    dx, dy = other.x - one.x, other.y - one.y
    distance = math.sqrt(dx * dx + dy * dy) + 0.1
    pull = step / (distance * distance * distance)
    one.u += dx * pull * other.mass
    one.v += dy * pull * other.mass
    other.u -= dx * pull * one.mass
    other.v -= dy * pull * one.mass


def energy(system: list[Body]) -> float:
    """Return the energy of motion."""
    total = 0.0
    for body in system:
        total += body.mass * (body.u * body.u + body.v * body.v) / 2
    return total


def work() -> float:
    """Let eighteen bodies move."""
    system = bodies(18)
    for _ in range(300):
        for index, one in enumerate(system):
            for other in system[index + 1 :]:
                attract(one, other, 0.01)
        for body in system:
            body.move(0.01)
    return energy(system)
