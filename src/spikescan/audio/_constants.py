"""Constants of the cochlea of Cramer et al., "The Heidelberg spiking data sets for the systematic evaluation of spiking
neural networks", IEEE TNNLS 2020, by stage.

The compliance C0 of the membrane is the only one that has changed: the program that the authors released had 10e7 until
August 2021, and 10e8 since.
"""

import math
from typing import NamedTuple

import numpy as np

PLACES = 0.0, 3.5
"""Of the first and the last channel along the membrane, in cm."""


class Membrane(NamedTuple):
    """Of the shallow-water model, with the letters of Sieroka et al. 2006."""

    a: float = 3500.0
    alpha: float = 3.0
    rho: float = 1.0
    c0: float = 10e8
    delta: float = 0.15
    h: float = 0.1
    m: float = 0.05

    @property
    def r0(self) -> float:
        return self.delta * math.sqrt(self.c0 * self.m)


class Cells(NamedTuple):
    """Of the hair cells and the bushy cells, for one time step: rates times dt, leaks as factors."""

    y: float
    g: float
    l: float  # noqa: E741
    l_plus_r: float
    r: float
    x: float
    a: float
    b: float
    h: float
    m: float
    leak_current: float
    leak_potential: float
    weight: float
    fibres: float
    hold: float  # steps that a bushy cell is held at 0
    dead: int  # steps from a fibre's spike to the first at which it may fire again

    def rounded(self, dtype: type[np.floating]) -> "Cells":
        """The same in another precision."""
        return self._replace(**{name: dtype(value) for name, value in self._asdict().items() if name != "dead"})


def cells(rate: float) -> Cells:
    """For `rate` steps a second: Meddis 1986, 1988 (y … m), and 40 fibres for each bushy cell."""
    dt = 1 / rate
    fibres, tau_mem, tau_syn, refractory, weight = 40, 1e-3, 0.5e-3, 1e-3, 13e3
    return Cells(
        y=5.05 * dt,
        g=2000.0 * dt,
        l=2500.0 * dt,
        l_plus_r=(2500.0 + 6580.0) * dt,
        r=6580.0 * dt,
        x=66.3 * dt,
        a=5.0,
        b=300.0,
        h=50_000.0 * dt,
        m=1.0,
        leak_current=math.exp(-dt / tau_syn),
        leak_potential=math.exp(-dt / tau_mem),
        weight=weight / fibres * dt,
        fibres=fibres,
        hold=math.ceil(refractory * rate - 1e-9),
        dead=math.ceil(refractory * rate - 1e-9),
    )
