"""A customer who enrols: the request that hands their public keys to the meter, and the check of its answer."""

from __future__ import annotations

from dataclasses import replace

from smarter.errors import AuthenticationFailed
from smarter.keys.invitation import Invitation, is_mac, mac_of
from smarter.model.messages.enrolment import EnrolmentAnswer, EnrolmentRequest


class Enrolling:
    """One enrolment by a one-time code.

    Args:
        code: 16 bytes.
        deployment: 16 bytes.
        pseudonym: of the meter that the code is for.
        fingerprint: of the customer's public key.
        public_key: its byte form.
        verify_key: the customer's Ed25519 public key, for what they state.
    """

    def __init__(
        self,
        code: bytes,
        deployment: bytes,
        pseudonym: bytes,
        fingerprint: str,
        public_key: bytes,
        verify_key: bytes,
    ) -> None:
        self._invitation = Invitation.of(code, deployment, pseudonym)
        self._unsigned = EnrolmentRequest(deployment, pseudonym, fingerprint, public_key, verify_key, b"")

    def request(self) -> bytes:
        """The message for the meter; only who has the code can make it."""
        mac = mac_of(self._invitation.request, self._unsigned.authenticated())
        return replace(self._unsigned, mac=mac).encode()

    def accept(self, data: bytes) -> EnrolmentAnswer:
        """The meter's answer, with its public signing key and the last key epoch that stays sealed.

        Raises:
            AuthenticationFailed: the answer is not of the meter that the code is for, or is about another key.
            MalformedMessage: it is no answer.
        """
        answer, asked = EnrolmentAnswer.decode(data), self._unsigned
        about = (answer.deployment, answer.pseudonym, answer.fingerprint)
        if not is_mac(self._invitation.answer, answer.authenticated(), answer.mac) or about != (
            asked.deployment,
            asked.pseudonym,
            asked.fingerprint,
        ):
            raise AuthenticationFailed("the answer to the enrolment is not that of the meter which the code is for.")
        return answer
