"""Lanes: many small signed integers inside one large plaintext of a scheme.

The PES packs before it encrypts, the releaser unpacks after it decrypted; nobody else decides how many
lanes of what width fit. Numpy goes in and out; one Python integer is made per plaintext, none per lane.

A lane of byte width ``w`` at place ``i`` adds ``value * 256^(w*i)`` to the plaintext, values signed. Sums of
such plaintexts are sums lane by lane for as long as every total stays within the plan's bound, which comes
from ratings and window lengths, never from the data. The bias that makes lanes non-negative is added once,
at unpacking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.errors import OutOfBounds
from smarter.model import views
from smarter.model.windows import WindowKind

LARGEST_BOUND = (1 << 62) - 1
"""Totals are int64 with a bit to spare for the bias."""


@dataclass(frozen=True)
class LanePlan:
    """How lanes lie in one plaintext.

    Attributes:
        bound: the largest magnitude that a lane's total can reach, in mWh.
        lane_bytes: a lane's width.
        capacity: how many lanes fit one plaintext.
    """

    bound: int
    lane_bytes: int
    capacity: int

    def bias(self, lanes: int) -> int:
        """The constant that lifts every one of ``lanes`` totals to at least zero."""
        lane_bits = 8 * self.lane_bytes
        ones = ((1 << (lane_bits * lanes)) - 1) // ((1 << lane_bits) - 1)  # a 1 in each lane
        return self.bound * ones


def plan_lanes(plaintext_bits: int, bound: int, most: int | None = None) -> LanePlan:
    """Choose width and number of lanes for totals up to ``bound`` in plaintexts of so many signed bits.

    The width is that of ``2 * bound`` rounded up to whole bytes; the top lane need not be rounded, since
    nothing lies above it. ``most`` limits the number of lanes (1: packing off).

    Raises:
        OutOfBounds: not even one lane fits.
    """
    if not 0 < bound <= LARGEST_BOUND:
        raise OutOfBounds(f"totals up to {bound} mWh do not fit 64 bits; shorten the window or lower rating_kw.")
    lane_bits = (2 * bound).bit_length()
    if lane_bits > plaintext_bits:
        raise OutOfBounds(
            f"a total of {lane_bits} bits does not fit a plaintext of {plaintext_bits} bits; choose a larger key, a "
            "shorter window, or a lower rating_kw."
        )
    lane_bytes = -(-lane_bits // 8)
    fitting = (plaintext_bits - lane_bits) // (8 * lane_bytes) + 1
    return LanePlan(bound, lane_bytes, min(fitting, most) if most else fitting)


def pack(plan: LanePlan, values: NDArray[np.int64]) -> list[int]:
    """Pack ``values`` (shape plaintexts × lanes, mWh) into one signed integer per row.

    Raises:
        OutOfBounds: a value beyond the plan's bound, or more lanes than its capacity; nothing is packed then.
    """
    rows, lanes = values.shape
    if lanes > plan.capacity:
        raise OutOfBounds(f"{lanes} lanes do not fit a plaintext of {plan.capacity}.")
    largest = max(int(values.max()), -int(values.min())) if values.size else 0
    if largest > plan.bound:
        raise OutOfBounds(f"a value of {largest} mWh is beyond the lane's bound of {plan.bound} mWh.")
    lifted = (values.astype(np.int64, copy=False) + plan.bound).astype("<u8")
    raw = np.ascontiguousarray(lifted).view(np.uint8).reshape(rows, lanes, 8)[:, :, : plan.lane_bytes].tobytes()
    row_bytes, bias = lanes * plan.lane_bytes, plan.bias(lanes)
    return [
        int.from_bytes(raw[place : place + row_bytes], "little") - bias
        for place in range(0, rows * row_bytes, row_bytes)
    ]


def unpack(plan: LanePlan, plaintexts: Sequence[int], lanes: int, kind: WindowKind) -> NDArray[np.int64]:
    """The totals of ``lanes`` lanes of each plaintext: int64 mWh, shape plaintexts × lanes.

    Whoever calls this sees the totals, so they count in the acting party's view.

    Raises:
        OutOfBounds: a total beyond the plan's bound, which means that something was added that should not be.
    """
    bias, row_bytes = plan.bias(lanes), lanes * plan.lane_bytes
    raw = bytearray()
    for plaintext in plaintexts:
        lifted = plaintext + bias
        if lifted < 0 or lifted.bit_length() > 8 * row_bytes:
            raise OutOfBounds(f"a decrypted sum does not fit its {lanes} lanes; it was not made by this plan.")
        raw += lifted.to_bytes(row_bytes, "little")
    wide = np.zeros((len(plaintexts), lanes, 8), np.uint8)
    wide[:, :, : plan.lane_bytes] = np.frombuffer(raw, np.uint8).reshape(len(plaintexts), lanes, plan.lane_bytes)
    lifted_lanes = wide.reshape(-1).view("<u8").reshape(len(plaintexts), lanes)
    if lifted_lanes.size and int(lifted_lanes.max()) > 2 * plan.bound:
        raise OutOfBounds(f"a decrypted total is beyond the lane's bound of {plan.bound} mWh.")
    view = views.current()
    if kind == "billing":
        view.household_totals += lifted_lanes.size
    else:
        view.neighbourhood_totals += lifted_lanes.size
    return lifted_lanes.astype(np.int64) - plan.bound
