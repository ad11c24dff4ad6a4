"""What is kept of a match on a fiche, to be read again years later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from referrals.matching.score import Match
from structures.eligibility import Answer

SNAPSHOT_VERSION = 1


def snapshot(match: Match) -> dict[str, Any]:
    """Freeze a match as JSON: the sentences as they were said on the day, so that no later rule rewrites them."""
    session = match.next_session
    return {
        "version": SNAPSHOT_VERSION,
        "on": match.on.isoformat(),
        "action": match.action.name,
        "structure": str(match.action.structure),
        "score": match.score,
        "parts": [list(part) for part in match.parts],
        "needs": match.need_labels,
        "answers": [asdict(answer) for answer in match.answers],
        "verdict": match.verdict,
        "session": {"code": session.code, "starts_on": session.starts_on.isoformat()} if session else None,
        "places_left": match.places_left,
        "is_fresh": match.is_fresh,
        "distance_km": None if match.distance_km is None else round(match.distance_km, 1),
    }


@dataclass(frozen=True)
class SnapshotMatch:
    """A match as it was kept on a fiche: what was true on that day."""

    on: dt.date
    action: str
    structure: str
    score: int
    parts: tuple[tuple[str, int], ...]
    needs: tuple[str, ...]
    answers: tuple[Answer, ...]
    verdict: str
    session_code: str
    session_starts_on: dt.date | None
    places_left: int | None
    is_fresh: bool

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SnapshotMatch | None:
        """Read a snapshot again; `None` for a fiche that kept none (written without a suggestion).

        Raises `ValueError` for a version that this code does not know.
        """
        if not data:
            return None
        if data.get("version") != SNAPSHOT_VERSION:
            raise ValueError(f"unknown snapshot version {data.get('version')!r}")
        session = data["session"] or {}
        starts_on = session.get("starts_on")
        return cls(
            on=dt.date.fromisoformat(data["on"]),
            action=data["action"],
            structure=data["structure"],
            score=data["score"],
            parts=tuple((label, points) for label, points in data["parts"]),
            needs=tuple(data["needs"]),
            answers=tuple(Answer(**answer) for answer in data["answers"]),
            verdict=data["verdict"],
            session_code=session.get("code", ""),
            session_starts_on=dt.date.fromisoformat(starts_on) if starts_on else None,
            places_left=data["places_left"],
            is_fresh=data["is_fresh"],
        )
