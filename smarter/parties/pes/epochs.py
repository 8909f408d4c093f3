"""The key epochs that meters have announced to the PES: what opens their frames, as long as some may be on their way.

``pes`` hands announcements in, each signed by its meter, and gives ``opening`` the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smarter.api import Cipher, Keywrap, PrivateKey
from smarter.errors import AuthenticationFailed
from smarter.keys.derive import epoch_keys
from smarter.keys.signing import verify
from smarter.model.messages import EpochKey, Signed, epoch
from smarter.parties.pes.layout import Area
from smarter.parties.pes.opening import OpeningKeys

EPOCHS_KEPT = 1024
"""Key epochs of a meter that are kept, for frames still on their way; a meter cannot fill the PES's memory."""


class KeyEpochs:
    """Those of all meters of ``areas``.

    ``unwrap``: private keys under which meters wrap their epoch secrets, by fingerprint.

    Attributes:
        keys: by pseudonym and epoch.
    """

    def __init__(
        self,
        deployment: bytes,
        unwrap: Mapping[str, PrivateKey],
        areas: Iterable[Area],
        *,
        cipher: Cipher,
        keywrap: Keywrap,
    ) -> None:
        self.keys: dict[tuple[bytes, int], OpeningKeys] = {}
        self._deployment = deployment
        self._unwrap = unwrap
        self._cipher = cipher
        self._keywrap = keywrap
        self._verify_keys = {
            pseudonym: key for area in areas for pseudonym, key in zip(area.pseudonyms, area.verify_keys, strict=True)
        }
        self._known: dict[bytes, list[int]] = {pseudonym: [] for pseudonym in self._verify_keys}

    def accept(self, message: bytes) -> EpochKey:
        """Take the secret of a meter's new key epoch; returns what was announced.

        Raises:
            AuthenticationFailed: not signed by that meter, not wrapped for this PES, or an epoch that has been.
            MalformedMessage: no such message.
        """
        signed = Signed.decode(message)
        announced = EpochKey.decode(signed.body)
        verify_key = self._verify_keys.get(announced.pseudonym)
        if verify_key is None:
            raise AuthenticationFailed("a key epoch was announced for a meter that is not enrolled.")
        verify(verify_key, signed.body, signed.signature, epoch.SIGNING_CONTEXT)
        known = self._known[announced.pseudonym]
        if (
            announced.deployment != self._deployment
            or announced.cipher != self._cipher.name
            or (known and announced.epoch <= known[-1])
            or (announced.purposes and announced.receiver not in self._unwrap)
        ):
            raise AuthenticationFailed(
                "a key epoch was announced again, or for another receiver, deployment or cipher."
            )
        if announced.purposes:
            self.keys[announced.pseudonym, announced.epoch] = self._opening_keys(announced)
        known.append(announced.epoch)
        if len(known) > EPOCHS_KEPT:
            self.keys.pop((announced.pseudonym, known.pop(0)), None)
        return announced

    def _opening_keys(self, announced: EpochKey) -> OpeningKeys:
        secret = self._keywrap.unwrap(
            self._unwrap[announced.receiver],
            announced.wrapped,
            context=EpochKey.context(self._deployment, announced.pseudonym, announced.epoch),
        )
        keys = epoch_keys(
            secret,
            deployment=self._deployment,
            pseudonym=announced.pseudonym,
            epoch=announced.epoch,
            cipher_key_bytes=self._cipher.key_bytes,
        )
        return OpeningKeys(self._cipher.keyed(keys.seal), keys.mac, self._cipher.name, announced.purposes)
