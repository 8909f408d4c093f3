"""The shipped ciphers; the plugin registry calls the hook here."""

from __future__ import annotations

from collections.abc import Callable

from smarter.api import Cipher, hookimpl


@hookimpl
def register_ciphers(register: Callable[[type[Cipher]], None]) -> None:
    from smarter_plugins.ciphers import encrypt_then_mac, pyca, pycryptodome

    for cipher in (
        pyca.AesGcm,
        pyca.ChaCha20Poly1305Cipher,
        pycryptodome.PycryptodomeGcm,
        pycryptodome.PycryptodomeCcm,
        pycryptodome.PycryptodomeEax,
        pycryptodome.PycryptodomeOcb,
        pycryptodome.PycryptodomeSiv,
        encrypt_then_mac.PycryptodomeCbcHmac,
        encrypt_then_mac.PycryptodomeCtrHmac,
    ):
        register(cipher)
