"""Receipts, made from the record alone."""

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import Answer, ConsentRecord, Receipt, ReceiptLine
from zaitaku.consent.wording import Wordings


def receipt_from(record: ConsentRecord, wordings: Wordings) -> Receipt:
    """Return the receipt of a record, in the words that the patient read.

    Raises:
        MalformedDocument, UnknownWording: the record is damaged.
    """
    return receipt_of(record, ConsentDocument.parse_canonical(record.document), wordings)


def receipt_of(record: ConsentRecord, document: ConsentDocument, wordings: Wordings) -> Receipt:
    """Return the receipt of a record whose document was read already.

    Raises:
        UnknownWording: the record is damaged.
    """
    return Receipt(
        reference=record.reference,
        facility_code=document.facility_code,
        facility_name=document.facility_name,
        facility_phone=record.facility_phone,
        channel=document.channel,
        visit_date=document.visit_date,
        recorded_at=record.recorded_at,
        valid_until=record.valid_until,
        language=document.language,
        operator=document.operator,
        lines=tuple(_line(answer, wordings) for answer in document.decisions),
        notice=wordings.published(document.notice),
        document_sha256=record.document_sha256,
    )


def _line(answer: Answer, wordings: Wordings) -> ReceiptLine:
    wording = wordings.published(answer.wording)
    return ReceiptLine(
        item=answer.item,
        decision=answer.decision,
        label=wording.label,
        answer=wordings.answer(answer.decision, answer.wording.language),
        wording=wording,
    )
