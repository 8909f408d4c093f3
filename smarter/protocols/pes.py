"""Protocol ``pes``: meters → concentrator → PES → releaser → MDMS, hold by hold.

Each party acts inside its own view, so that whatever it decodes, opens or decrypts is counted for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from types import MappingProxyType

from smarter.api import SYSTEM_RANDOMNESS, Cipher, Record
from smarter.model.control import heed
from smarter.model.messages import Aggregate, Signed, wire
from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.readings import ReadingBlock
from smarter.model.stages import Stages
from smarter.model.views import View, acting
from smarter.parties.concentrator import Concentrator
from smarter.parties.mdms import MDMS
from smarter.parties.meter.meter import Meter, MeterIdentity
from smarter.parties.pes import PES, Absorbed
from smarter.parties.releaser import Decision, Ledger, Release, Releaser, digests_of
from smarter.protocols.areas import area_of
from smarter.protocols.kept_ledger import entries_of
from smarter.protocols.network import Network, PlannedFault, SentFrame
from smarter.protocols.plan import NeighbourhoodPlan, periods_of
from smarter.protocols.provision import Cryptography, Keyring
from smarter.releasing.rules import ReleaseRules
from smarter.scenario import Scenario
from smarter.state import KeptMeter, LedgerRow

VIEWED = ("meters", "concentrator", "pes", "releaser", "mdms", "simulation")
END_OF_TIME = 1 << 62


@dataclass(frozen=True)
class Carried:
    """What one hold led to.

    Attributes:
        sealed: frames as the meters keep them.
        sent: those that left the meters; of a household that takes no part none does.
        relayed: as the concentrator passed them on.
        dropped: why frames were dropped, by party.
        absorbed: what the PES made of them.
        aggregates: messages for the releaser.
    """

    sealed: list[SentFrame]
    sent: list[SentFrame]
    relayed: list[bytes]
    dropped: dict[str, list[str]]
    absorbed: Absorbed
    aggregates: list[bytes]


class PesDeployment:
    """The parties of a deployment, wired.

    ``roster``: the meters of each neighbourhood in lane order; ``outbox``: aggregates that wait for the releaser, who
    may have decided on them already; ``lost``: by neighbourhood, the moment before which it opens nothing new;
    ``threads``: how many it decrypts with.
    """

    def __init__(
        self,
        scenario: Scenario,
        plans: Sequence[NeighbourhoodPlan],
        roster: Mapping[str, Sequence[KeptMeter]],
        deployment: bytes,
        keyring: Keyring,
        cryptography: Cryptography,
        ledger: Iterable[LedgerRow],
        faults: Iterable[PlannedFault],
        *,
        outbox: Iterable[bytes] = (),
        lost: Mapping[str, int] = MappingProxyType({}),
        threads: int = 1,
    ) -> None:
        self.views = {party: View() for party in VIEWED}
        self.stages = Stages()
        self._plans = {plan.name: plan for plan in plans}
        self._keywrap = cryptography.keywrap
        cipher: Cipher = scenario.crypto.seal.create()
        rules = ReleaseRules(scenario.release.min_meters, scenario.release.min_billing_window)
        pes_keys = keyring.pes(cryptography)
        self.aggregate_key = pes_keys.aggregate
        bits = cryptography.scheme.plaintext_bits(self.aggregate_key)
        areas = [area_of(scenario, plan, roster[plan.name], bits) for plan in plans]
        self._pes_wrap = self._keywrap.load_public(keyring.stores["pes"].current("unwrap").public)
        self.meters = {
            plan.name: [
                Meter(
                    MeterIdentity(deployment, kept.pseudonym, keyring.meter_signing_key(kept.pseudonym)),
                    cipher,
                    plan.axis,
                    scenario.frame,
                    plan.largest,
                )
                for kept in roster[plan.name]
            ]
            for plan in plans
        }
        last_epochs = keyring.last_epochs()
        for name, meters in self.meters.items():
            for meter, kept in zip(meters, roster[name], strict=True):
                # A journal that was brought back from a backup knows of fewer epochs than there have been.
                meter.epoch = max(kept.epoch, last_epochs.get(kept.pseudonym, 0))
        self._concentrator = Concentrator(kept.pseudonym for kepts in roster.values() for kept in kepts)
        self.networks = {
            plan.name: Network(fault for fault in faults if fault.neighbourhood == plan.name) for plan in plans
        }
        self.pes = PES(
            deployment,
            pes_keys,
            cipher=cipher,
            keywrap=self._keywrap,
            scheme=cryptography.scheme,
            areas=areas,
            rules=rules,
            combine=scenario.pes.combine,
            stages=self.stages,
        )
        self.releaser = Releaser(
            deployment,
            keyring.releaser(cryptography),
            scheme=cryptography.scheme,
            keywrap=self._keywrap,
            rules=rules,
            ledger=Ledger(entries_of(ledger, roster), _asked(outbox), lost),
            stages=self.stages,
            threads=threads,
        )
        windows = {plan.name: plan.demand.starts for plan in plans}
        mdms_keys = keyring.mdms(cryptography, deployment, periods_of(scenario, roster), windows)
        self.mdms = MDMS(deployment, mdms_keys, self._keywrap)

    def begin_epochs(
        self, at: Mapping[bytes, int] | None = None, purposes: Mapping[bytes, Purposes] | None = None
    ) -> tuple[dict[bytes, tuple[int, bytes]], dict[bytes, bytes]]:
        """Have meters begin a new key epoch each, announced to the PES.

        Args:
            at: those that do, by pseudonym, each with the first slot of it; left out: all, from the first slot on.
            purposes: what their readings may be used for, where that is not everything.

        Returns:
            By meter, its epoch and the secret; and the announcement, so that frames on their way survive a restart.
        """
        secrets: dict[bytes, tuple[int, bytes]] = {}
        announcements: dict[bytes, bytes] = {}
        with acting(self.views["meters"]):
            for meter in (meter for meters in self.meters.values() for meter in meters):
                if at is None or meter.pseudonym in at:
                    message, secret = meter.begin_epoch(
                        self._keywrap,
                        self._pes_wrap,
                        SYSTEM_RANDOMNESS,
                        since=at[meter.pseudonym] if at else 0,
                        purposes=(purposes or {}).get(meter.pseudonym, PURPOSES),
                    )
                    secrets[meter.pseudonym] = (meter.epoch, secret)
                    announcements[meter.pseudonym] = message
        self.accept_epochs(announcements.values())
        return secrets, announcements

    def accept_epochs(self, announcements: Iterable[bytes]) -> None:
        """Hand announcements of key epochs to the PES."""
        with acting(self.views["pes"]):
            for message in announcements:
                heed()
                self.pes.accept_epoch(message)

    def carry(
        self,
        name: str,
        readings: Sequence[Sequence[ReadingBlock]],
        first: int,
        end: int,
        turns: Iterable[int] = (),
        begin: Callable[[NeighbourhoodPlan, int], None] | None = None,
    ) -> Carried:
        """One hold's readings, from the meters to the PES, and the windows that close with it.

        Args:
            name: the neighbourhood.
            readings: each meter's blocks, in lane order.
            first: the hold's first slot; ``end`` the slot after its last.
            turns: slots at which some of its meters begin to take part otherwise.
            begin: called where one of them is, or a billing period begins, before a frame from then on is sealed.
        """
        network = self.networks[name]
        with acting(self.views["meters"]), self.stages.timed("seal"):
            sealed, sent = self._seal(self._plans[name], readings, first, end, turns, begin or _nothing)
        self.stages.bytes["seal"] += sum(len(frame.data) for frame in sealed)
        with acting(self.views["concentrator"]), self.stages.timed("relay"):
            relayed = self._concentrator.relay(network.to_concentrator(sent, end))
        self.stages.bytes["relay"] += sum(map(len, relayed.frames))
        with acting(self.views["pes"]):
            absorbed = self.pes.absorb(name, network.to_pes(relayed.frames, end), first, end)
            # At the end of the span nothing more comes: windows that reach beyond it close as they are.
            aggregates = self.pes.close(name, END_OF_TIME if end >= self._plans[name].end_slot else end)
        dropped = {"concentrator": relayed.dropped, "pes": absorbed.dropped}
        return Carried(sealed, sent, relayed.frames, dropped, absorbed, aggregates)

    def _seal(
        self,
        plan: NeighbourhoodPlan,
        readings: Sequence[Sequence[ReadingBlock]],
        first: int,
        end: int,
        turns: Iterable[int],
        begin: Callable[[NeighbourhoodPlan, int], None],
    ) -> tuple[list[SentFrame], list[SentFrame]]:
        """The frames of a hold, and those that are sent; none holds readings from both sides of a turn."""
        network, meters = self.networks[plan.name], self.meters[plan.name]
        left = [network.lose(row, blocks) for row, blocks in enumerate(readings)]
        sealed: list[SentFrame] = []
        sent: list[SentFrame] = []
        starts = [slot for slot in {*plan.periods, *turns} if first <= slot < end]
        for low, high in pairwise(sorted({first, *starts, end})):
            if low in starts:
                begin(plan, low)
            for row, blocks in enumerate(left):
                for block in blocks:
                    part = block.within(low, high) if starts else block
                    if len(part):
                        made = meters[row].seal(part, plan.first_slot)
                        frames = [SentFrame(row, start, count, data) for start, count, data in made]
                        sealed += frames
                        sent += frames if meters[row].purposes else ()
        return sealed, sent

    def decide(self, aggregates: Sequence[bytes]) -> list[Decision]:
        """What the releaser makes of aggregates; its entries must be durable before :meth:`release`."""
        with acting(self.views["releaser"]):
            return self.releaser.decide_together(aggregates)

    def release(self, decisions: Sequence[Decision]) -> list[tuple[Release, list[Record]]]:
        """Open what was decided, deliver it together, and let the MDMS check it; records are for its store."""
        with acting(self.views["releaser"]):
            releases = self.releaser.open(decisions)
            delivery = self.releaser.deliver(releases)
        with acting(self.views["mdms"]), self.stages.timed("deliver"):
            records = iter(self.mdms.receive(delivery))
        return [(release, list(islice(records, len(release.verdicts)))) for release in releases]

    def snapshots(self) -> dict[str, bytes]:
        """What of the parties must survive a crash, by party."""
        networks = {name: network.snapshot() for name, network in self.networks.items()}
        return {"pes": self.pes.snapshot(), "network": wire.encode("networks", [networks])}

    def restore(self, snapshots: Mapping[str, bytes]) -> None:
        """The reverse of :meth:`snapshots`."""
        self.pes.restore(snapshots["pes"])
        (networks,) = wire.decode("networks", snapshots["network"], [dict])
        for name, network in self.networks.items():
            network.restore(networks[name])


def _nothing(plan: NeighbourhoodPlan, slot: int) -> None:
    """For whoever carries holds without a state to keep key epochs in."""


def _asked(outbox: Iterable[bytes]) -> set[bytes]:
    """Digests of the ciphertexts that wait for the releaser; it looks at them when it is handed them."""
    with acting(View()):
        return {digest for message in outbox for digest in digests_of(Aggregate.decode(Signed.decode(message).body))}
