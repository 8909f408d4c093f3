"""Everything that crosses from one party to another, each with its byte form.

``Frame`` goes from meter to PES by way of the concentrator, ``EpochKey`` announces a meter's key epoch to the PES,
``Aggregate`` asks the releaser to open sums, ``Delivery`` carries ``SealedRecord``s to the MDMS. Between a meter and
its customer go ``EnrolmentRequest``, ``EnrolmentAnswer``, ``WrappedSealKey`` and ``Statement``, and a ``GrantDelivery``
goes to a third party. Every form begins with a format version and is parsed with bounds; whatever does not parse raises
``MalformedMessage``.
"""

from smarter.model.messages.aggregate import Aggregate, CellTable
from smarter.model.messages.delivery import Delivery, RecordContent, RecordHeader, SealedRecord, Status
from smarter.model.messages.enrolment import EnrolmentAnswer, EnrolmentRequest, WrappedSealKey
from smarter.model.messages.epoch import EpochKey
from smarter.model.messages.frame import Frame, FrameHeader, decode_readings, encode_readings, reading_bytes
from smarter.model.messages.wire import Signed

__all__ = [
    "Aggregate",
    "CellTable",
    "Delivery",
    "EnrolmentAnswer",
    "EnrolmentRequest",
    "EpochKey",
    "Frame",
    "FrameHeader",
    "RecordContent",
    "RecordHeader",
    "SealedRecord",
    "Signed",
    "Status",
    "WrappedSealKey",
    "decode_readings",
    "encode_readings",
    "reading_bytes",
]
