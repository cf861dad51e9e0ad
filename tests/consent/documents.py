"""Any consent document there can be."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from zaitaku.consent.document import ConsentDocument
from zaitaku.consent.model import Answer, ConsentItem, Decision, Operator, WordingRef
from zaitaku.consent.questions import wording_ids
from zaitaku.core.ids import JourneyId, UrlVersionId
from zaitaku.core.languages import Language
from zaitaku.facilities.model import Channel, InstitutionCode

digests = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip)
journeys = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).map(JourneyId)
codes = st.builds(
    lambda prefecture, kind, rest: InstitutionCode(f"{prefecture:02d}{kind}{rest:07d}"),
    st.integers(1, 47),
    st.sampled_from("1346"),
    st.integers(0, 9_999_999),
)
moments = st.integers(-62_135_510_400, 253_402_214_400).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
items = st.lists(st.sampled_from(ConsentItem), min_size=1, unique=True).filter(
    lambda chosen: not {ConsentItem.CLINICAL, ConsentItem.MEDICATION} <= set(chosen)
)


@st.composite
def documents(draw: st.DrawFn) -> ConsentDocument:
    """Any document that does not contradict itself."""
    channel, language = draw(st.sampled_from(Channel)), draw(st.sampled_from(Language))
    days = st.dates(date(1, 1, 2), date(9999, 12, 30))
    return ConsentDocument(
        journey=draw(journeys),
        facility_code=draw(codes),
        facility_name=draw(names),
        channel=channel,
        url_version=UrlVersionId(draw(st.uuids())),
        visit_date=draw(days) if channel is Channel.ONLINE else None,
        language=language,
        operator=draw(st.sampled_from(Operator)),
        stated_at=draw(moments),
        notice=draw(refs(language, "eligibility-notice")),
        decisions=tuple(draw(answers(item, language)) for item in draw(items)),
    )


@st.composite
def refs(draw: st.DrawFn, language: Language, *ids: str) -> WordingRef:
    """A reference to one of the texts ``ids``."""
    version = draw(st.integers(1, 2**31 - 1))
    return WordingRef(draw(st.sampled_from(ids)), version, language, draw(digests))


@st.composite
def answers(draw: st.DrawFn, item: ConsentItem, language: Language) -> Answer:
    """A decision about ``item``."""
    ids = sorted(wording_ids(item))
    return Answer(item, draw(refs(language, *ids)), draw(st.sampled_from(Decision)))
