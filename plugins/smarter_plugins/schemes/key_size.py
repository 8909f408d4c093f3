"""The option ``key_bits`` that the Paillier plugins share, and what a small size means for a scenario."""

from __future__ import annotations

from pydantic import Field

from smarter.api import PluginOptions

SOUND_BITS = 2048
"""112-bit security (NIST SP 800-57 part 1, table 2, for factoring)."""


class KeySizeOptions(PluginOptions):
    """What every Paillier plugin can be told."""

    key_bits: int = Field(
        3072,
        ge=256,
        le=16_384,
        description="Bits of the modulus n. Under 2048 only with insecure_demo: true.",
    )


def small_key_reason(scheme: str, key_bits: int) -> str | None:
    """Why a key of this size needs ``insecure_demo: true``; None when it does not."""
    if key_bits >= SOUND_BITS:
        return None
    return f"scheme {scheme} with {key_bits}-bit keys can be factored; {SOUND_BITS} bits are the least"
