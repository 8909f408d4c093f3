"""The shipped schemes; the plugin registry calls the hook here."""

from __future__ import annotations

from collections.abc import Callable

from smarter.api import Scheme, hookimpl


@hookimpl
def register_schemes(register: Callable[[type[Scheme]], None]) -> None:
    from smarter_plugins.schemes.lightphe import PaillierLightPhe
    from smarter_plugins.schemes.paillier import Paillier
    from smarter_plugins.schemes.paillier_rust import PaillierRust
    from smarter_plugins.schemes.phe import PaillierPhe
    from smarter_plugins.schemes.plain import Plain

    for scheme in (Paillier, PaillierRust, PaillierPhe, PaillierLightPhe, Plain):
        register(scheme)
