"""The PES itself: frames in, aggregates out; it can encrypt under the scheme and cannot decrypt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smarter.api import (
    SYSTEM_RANDOMNESS,
    Cipher,
    Ciphertexts,
    Keywrap,
    PrivateKey,
    PublicKey,
    Randomness,
    Scheme,
)
from smarter.errors import KeyMismatch, MalformedMessage
from smarter.keys.signing import sign
from smarter.model import views
from smarter.model.control import paced
from smarter.model.messages import Aggregate, Signed, aggregate, wire
from smarter.model.stages import Stages
from smarter.model.windows import WindowKind
from smarter.parties.pes.epochs import KeyEpochs
from smarter.parties.pes.layout import Area, Layout
from smarter.parties.pes.opening import Opened, open_frames
from smarter.parties.pes.pieces import Combine, cut_pieces
from smarter.parties.pes.sums import Place, Sums, Suppressed
from smarter.parties.pes.suppressing import Suppressing
from smarter.parties.pes.taking_part import TakingPart
from smarter.releasing.rules import ReleaseRules


@dataclass(frozen=True, repr=False)
class PesKeys:
    """What the PES holds: no private key of the scheme.

    Attributes:
        unwrap: private keys under which meters wrap their epoch secrets, current and earlier, by fingerprint.
        sign: Ed25519 private key.
        aggregate: public key of the scheme.
    """

    unwrap: dict[str, PrivateKey]
    sign: bytes
    aggregate: PublicKey


@dataclass(frozen=True)
class Packed:
    """What one hold added to one sum, for whoever follows a reading: ciphertexts, and which addend each one is."""

    kind: str
    place: Place
    addends: list[int]
    ciphertexts: Ciphertexts


@dataclass(frozen=True)
class Absorbed:
    """What became of one hold's frames. ``seconds``: for how long their readings were in the clear."""

    readings: int
    seconds: float
    dropped: list[str]
    encrypted: int
    packed: list[Packed]


class Blindings(Protocol):
    """Encryptions of zero that were made ahead under the PES's public key."""

    def await_ready(self, count: int) -> None:
        """Return when so many can be taken without waiting."""

    def take(self, count: int) -> Ciphertexts:
        """So many that have never been used, and never will be again."""


class PES:
    """Opens one hold at a time, encrypts under the public key straight away, and lets the plaintext go.

    Attributes:
        blindings: where blindings come from that were made ahead; None: each is made when it is needed.
    """

    def __init__(
        self,
        deployment: bytes,
        keys: PesKeys,
        *,
        cipher: Cipher,
        keywrap: Keywrap,
        scheme: Scheme,
        areas: Iterable[Area],
        rules: ReleaseRules,
        combine: Combine,
        stages: Stages,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> None:
        self.blindings: Blindings | None = None
        self._last_encrypted = 0
        self._deployment = deployment
        self._keys = keys
        self._scheme = scheme
        self._combine = combine
        self._stages = stages
        self._random = random
        self._areas = {area.name: area for area in areas}
        self._area_of = {pseudonym: area.name for area in self._areas.values() for pseudonym in area.pseudonyms}
        self._epochs = KeyEpochs(deployment, keys.unwrap, self._areas.values(), cipher=cipher, keywrap=keywrap)
        self._sums: dict[str, tuple[Sums, Sums]] = {}
        self._suppressing: dict[str, Suppressing] = {}
        for name, area in self._areas.items():
            demand, billing = (Sums(layout, rules, area.axis.interval) for layout in area.layouts)
            self._sums[name] = demand, billing
            self._suppressing[name] = Suppressing(
                demand.layout,
                billing.layout,
                rules.min_meters,
                {"demand": demand.refuses, "billing": billing.refuses},
            )
        self._late: dict[str, NDArray[np.bool_]] = {
            name: np.zeros((len(area.pseudonyms), 0), np.bool_) for name, area in self._areas.items()
        }
        self._taking_part = {name: TakingPart(area.pseudonyms) for name, area in self._areas.items()}

    def accept_epoch(self, message: bytes) -> None:
        """Take the secret of a meter's new key epoch.

        Raises:
            AuthenticationFailed: not signed by that meter, not wrapped for this PES, or an epoch that has been.
            MalformedMessage: no such message.
        """
        announced = self._epochs.accept(message)
        self._taking_part[self._area_of[announced.pseudonym]].note(
            announced.pseudonym, announced.since, announced.purposes
        )

    def absorb(self, name: str, frames: Sequence[bytes], first_slot: int, end_slot: int) -> Absorbed:
        """Open the frames of one hold, encrypt what they hold, and add it to the running sums.

        Args:
            name: the neighbourhood.
            frames: as the concentrator passed them on.
            first_slot: where the hold begins; frames up to the area's grace before it are let in.
            end_slot: where it ends.
        """
        if self.blindings is not None:
            # Wait while the frames are still sealed: what the last hold took, this one is likely to take.
            with self._stages.timed("encrypt"):
                self.blindings.await_ready(self._last_encrypted)
        with views.in_the_clear() as exposure:
            readings, dropped, places, encrypted = self._open_and_encrypt(name, frames, first_slot, end_slot)
        self._last_encrypted = len(encrypted)
        demand, _ = self._sums[name]
        absences = Counter(self._taking_part[name].absences("demand", first_slot, end_slot))
        for (first, end), meters in absences.items():
            demand.note_absent(first, end, meters)
        return Absorbed(readings, exposure.seconds, dropped, len(encrypted), self._add(places, encrypted))

    def _open_and_encrypt(
        self, name: str, frames: Sequence[bytes], first_slot: int, end_slot: int
    ) -> tuple[int, list[str], list[tuple[Sums, Place, list[int]]], Ciphertexts]:
        """How many readings there were, why frames were dropped, and where to add which ciphertexts."""
        # Whatever is in the clear is a local of this method alone, so that it is let go when it returns.
        opened = self._open(self._areas[name], frames, first_slot, end_slot)
        plaintexts: list[int] = []
        places: list[tuple[Sums, Place, list[int]]] = []
        with self._stages.timed("pack"):
            pair, suppressing = self._sums[name], self._suppressing[name]
            suppressing.note(opened, {sums.layout.kind: sums.closed for sums in pair})
            counted = [sums.count(cut_pieces(opened, sums.layout, self._combine)) for sums in pair]
            suppressed = self._suppressed(name, end_slot)
            doubtful = self._doubtful(name, counted[0].windows, end_slot)
            for sums, each in zip(pair, counted, strict=True):
                for place, packed, addends in sums.place(each, end_slot, suppressed[sums.layout.kind], doubtful):
                    plaintexts += packed
                    places.append((sums, place, addends))
        return int(np.count_nonzero(opened.frames)), opened.dropped, places, self._encrypt(plaintexts)

    def _suppressed(self, name: str, slot: int) -> dict[WindowKind, Suppressed]:
        """By kind of sums, what rule 4 suppresses of the billing windows that close up to a slot."""
        _, billing = self._sums[name]
        suppressing = self._suppressing[name]
        demand_lanes: dict[int, NDArray[np.bool_]] = {}
        bill_lanes: dict[int, NDArray[np.bool_]] = {}
        for closing in billing.due(slot):
            for bill in billing.layout.bundle(closing, billing.closed):
                found = suppressing.judge(bill)
                if found.withheld:
                    demand_lanes[suppressing.columns(bill)[-1]] = np.ones(1, np.bool_)
                if found.held:
                    bill_lanes[bill] = np.isin(np.arange(billing.layout.meters), found.held)
        return {"demand": demand_lanes, "billing": bill_lanes}

    def _doubtful(self, name: str, windows: Iterable[int], end_slot: int) -> set[int]:
        """The demand windows that close later than a hold, and may be withheld then, since there are gaps."""
        demand, billing = self._sums[name]
        suppressing = self._suppressing[name]
        return {
            window
            for window in windows
            if demand.layout.closes[window] > end_slot
            and suppressing.is_last(window)
            and billing.has_gaps(suppressing.bill_of(window), end_slot)
        }

    def _encrypt(self, plaintexts: Sequence[int]) -> Ciphertexts:
        public = self._keys.aggregate
        encrypted: list[Any] = []
        with self._stages.timed("encrypt"):
            for part in paced(len(plaintexts)):
                if self.blindings is None:
                    batch = self._scheme.encrypt(public, plaintexts[part], random=self._random)
                else:
                    blindings = self.blindings.take(len(plaintexts[part]))
                    batch = self._scheme.encrypt_with(public, plaintexts[part], blindings)
                encrypted += batch.values
        return Ciphertexts(public.fingerprint, encrypted)

    def _rerandomise(self, total: Ciphertexts) -> Ciphertexts:
        public = self._keys.aggregate
        if self.blindings is None:
            return self._scheme.rerandomise(public, total, random=self._random)
        return self._scheme.add(public, total, self.blindings.take(len(total)))

    def _open(self, area: Area, frames: Sequence[bytes], first_slot: int, end_slot: int) -> Opened:
        late = self._late[area.name]
        absorbed = np.zeros((len(area.pseudonyms), late.shape[1] + end_slot - first_slot), np.bool_)
        absorbed[:, : late.shape[1]] = late
        with self._stages.timed("open"):
            opened = open_frames(
                frames, area, self._deployment, self._epochs.keys, absorbed, first_slot - late.shape[1]
            )
        absorbed |= opened.frames > 0
        self._late[area.name] = absorbed[:, max(0, absorbed.shape[1] - area.grace) :]
        self._stages.bytes["open"] += sum(map(len, frames))
        return opened

    def _add(self, places: list[tuple[Sums, Place, list[int]]], encrypted: Ciphertexts) -> list[Packed]:
        packed, start, public = [], 0, self._keys.aggregate
        with self._stages.timed("add"):
            for sums, place, addends in places:
                batch = encrypted[start : start + len(addends)]
                sums.add(self._scheme, public, place, self._scheme.total(public, batch))
                packed.append(Packed(sums.layout.kind, place, addends, batch))
                start += len(addends)
        if len(encrypted):
            (one,) = self._scheme.dump(public, encrypted[0])
            self._stages.bytes["encrypt"] += len(one) * len(encrypted)
        return packed

    def close(self, name: str, slot: int) -> list[bytes]:
        """Hand over, signed and re-randomised, the sums of all windows that close up to ``slot``."""
        area, messages = self._areas[name], []
        with self._stages.timed("add"):
            suppressed = self._suppressed(name, slot)
            for sums in self._sums[name]:
                messages += [
                    self._close_bundle(area, sums, closing, suppressed[sums.layout.kind]) for closing in sums.due(slot)
                ]
        return messages

    def _close_bundle(self, area: Area, sums: Sums, closing: int, suppressed: Suppressed) -> bytes:
        layout, public, suppressing = sums.layout, self._keys.aggregate, self._suppressing[area.name]
        if layout.kind == "demand":
            suppressing.close_demand(layout.bundle(closing, sums.closed))
        closed = sums.close(self._scheme, public, closing, suppressed)
        windows = closed.windows
        blobs = [
            b"" if total is None
            else self._scheme.dump(public, self._rerandomise(total))[0]
            for total in closed.totals
        ]  # fmt: skip
        edges = layout.grid.edges
        body = Aggregate(
            self._deployment,
            layout.kind,
            area.name,
            area.pseudonyms,
            area.axis.interval,
            layout.grid.length,
            edges[windows.start : windows.stop],
            edges[windows.start + 1 : windows.stop + 1],
            np.diff(layout.edges[windows.start : windows.stop + 1]),
            closed.counts,
            closed.absent,
            public.fingerprint,
            layout.plan.bound,
            layout.plan.lane_bytes,
            layout.plan.capacity,
            tuple(blobs),
            closed.left_out,
            suppressing.close_bills(windows) if layout.kind == "billing" else (),
        ).encode()
        return Signed(body, sign(self._keys.sign, body, aggregate.SIGNING_CONTEXT)).encode()

    def layouts(self, name: str) -> tuple[Layout, Layout]:
        """How a neighbourhood's windows and lanes lie, demand and billing."""
        return self._areas[name].layouts

    @property
    def open_sums(self) -> int:
        """How many ciphertexts the running sums hold."""
        return sum(sums.open_sums for pair in self._sums.values() for sums in pair)

    def snapshot(self) -> bytes:
        """The running sums and what has been absorbed; no key and no reading is in it."""
        state = {
            name: [
                list(self._late[name].shape),
                np.packbits(self._late[name]).tobytes(),
                [sums.snapshot(self._scheme, self._keys.aggregate) for sums in self._sums[name]],
                self._suppressing[name].snapshot(),
            ]
            for name in self._areas
        }
        return wire.encode("pes-state", [self._keys.aggregate.fingerprint, state])

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`; raises :class:`MalformedMessage`."""
        key, state = wire.decode("pes-state", snapshot, [str, dict])
        try:
            running = any(sums for _, _, pair, *_ in state.values() for _, sums, *_ in pair)
            if key != self._keys.aggregate.fingerprint and running:
                raise KeyMismatch(f"the PES's running sums are under key {key[:8]}, which has been replaced.")
            for name, (shape, bits, pair, *tables) in state.items():
                meters, slots = len(self._areas[name].pseudonyms), shape[1]
                flat = np.unpackbits(np.frombuffer(bits, np.uint8))[: meters * slots]
                self._late[name] = flat.reshape(meters, slots).astype(np.bool_)
                for sums, kept in zip(self._sums[name], pair, strict=True):
                    sums.restore(self._scheme, self._keys.aggregate, kept)
                if not tables and any(sums.is_open for sums in self._sums[name]):
                    raise MalformedMessage("the PES's kept state is from before release rule 4, and not at an end.")
                for each in tables:
                    self._suppressing[name].restore(each)
        except (TypeError, ValueError, KeyError) as error:
            raise MalformedMessage("the PES's kept state does not read back.") from error
