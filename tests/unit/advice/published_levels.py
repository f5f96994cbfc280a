"""Published measurements of scalability, and the parameters that were published for them.

The numbers of Cisco are those of Baron Schwartz, Practical Scalability Analysis with the Universal Scalability Law
(2015), the others those of N. J. Gunther, Guerrilla Capacity Planning (2007), with the fits of the R package usl.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """Pairs of concurrency and throughput, and the fit: throughput of one, contention and coherence."""

    name: str
    levels: tuple[tuple[int, float], ...]
    rate: float
    contention: float
    coherence: float


_CISCO = (
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7, 9047.84,
    9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806, 12089.37, 12075.41,
    12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
)  # fmt: skip

CISCO = Published("Cisco", tuple(enumerate(_CISCO, 1)), 995.6486, 0.02671591, 7.690945e-4)
SPEC_SDM91 = Published(
    "SPEC SDM91",
    ((1, 64.9), (18, 995.9), (36, 1652.4), (72, 1853.2), (108, 1828.9), (144, 1775.0), (216, 1702.2)),
    89.9952330,
    0.0277285,
    0.0001044,
)
RAY_TRACER = Published(
    "ray tracer, first six levels",
    ((1, 20.0), (4, 78.0), (8, 130.0), (12, 170.0), (16, 190.0), (20, 200.0)),
    20.85605,
    0.02444,
    0.00163,
)
