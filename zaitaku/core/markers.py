"""Marks that keep the test world and the real one apart.

They stand here, and not beside the test authority, so that the rooms that must refuse a marked
thing need not import the room that makes it.
"""

from typing import Final

TEST_ROOT_OID: Final = "2.25.164903380350508224908169728144451644266"
"""Private extension in every root certificate of the test authority (ITU-T X.667: 2.25.<UUID>)."""
