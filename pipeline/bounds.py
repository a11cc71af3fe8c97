"""Bounds: the numbers that settings of many places are, as types: ``patience: Seconds = 20.0``.

What only one place asks of its numbers stands there.
"""

from typing import Annotated

from pipeline.structure import Check


def _positive(value: float) -> None:
    if not value > 0:
        raise ValueError(f"expected more than 0, got {value:g}")


def _not_negative(value: float) -> None:
    if not value >= 0:
        raise ValueError(f"expected 0 or more, got {value:g}")


def _one_or_more(value: int) -> None:
    if value < 1:
        raise ValueError(f"expected 1 or more, got {value}")


def _part(value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"expected a part, from 0 to 1, got {value:g}")


Seconds = Annotated[float, Check(_positive)]
Wait = Annotated[float, Check(_not_negative)]  # seconds; 0: none
Bytes = Annotated[int, Check(_positive)]
Count = Annotated[int, Check(_not_negative)]
Number = Annotated[int, Check(_one_or_more)]
Part = Annotated[float, Check(_part)]
