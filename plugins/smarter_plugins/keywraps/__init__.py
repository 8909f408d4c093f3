"""The shipped keywraps; the plugin registry calls the hook here."""

from __future__ import annotations

from collections.abc import Callable

from smarter.api import Keywrap, hookimpl


@hookimpl
def register_keywraps(register: Callable[[type[Keywrap]], None]) -> None:
    from smarter_plugins.keywraps.pycryptodome_rsa_oaep import PycryptodomeRsaOaep
    from smarter_plugins.keywraps.rsa_oaep import RsaOaep

    for keywrap in (RsaOaep, PycryptodomeRsaOaep):
        register(keywrap)
