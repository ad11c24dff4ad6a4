"""Which actions fit a person's needs, best first, and why.

`suggest` lets PostgreSQL judge every offer around the person (`shortlist`), then explains the best by the rules of
`structures.eligibility` and ranks them by the sum of the parts listed in `WEIGHTS`: each part is shown with its label,
so that the order explains itself. `snapshot` freezes one match as JSON, to be kept on the fiche and read again years
later by `SnapshotMatch`. `docs/matching.md` says the same to a caseworker.
"""

from referrals.matching.noting import note_matches
from referrals.matching.profiles import profile_of
from referrals.matching.score import Match
from referrals.matching.snapshots import SnapshotMatch, snapshot
from referrals.matching.suggestions import NeedLike, Suggestions, suggest
from referrals.matching.weights import LIMIT, NEAR_MISS, WEIGHTS

__all__ = [
    "LIMIT",
    "NEAR_MISS",
    "WEIGHTS",
    "Match",
    "NeedLike",
    "SnapshotMatch",
    "Suggestions",
    "note_matches",
    "profile_of",
    "snapshot",
    "suggest",
]
