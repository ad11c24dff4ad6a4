"""The trigger by which PostgreSQL counts the places that fiches hold, and refuses to give one twice."""

from __future__ import annotations

from referrals.states import HOLDING

SESSION_IS_FULL, ACTION_IS_FULL = "session_has_no_place_left", "action_has_no_place_left"
"""The names under which the trigger refuses a place, as a constraint would."""

PLACES_TAKEN = """
    IF TG_OP = 'UPDATE' AND (OLD.state IN {held}) = (NEW.state IN {held})
       AND OLD.action_id = NEW.action_id AND OLD.session_id IS NOT DISTINCT FROM NEW.session_id THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.state IN {held} THEN
        UPDATE structures_action SET taken = GREATEST(taken - 1, 0)
         WHERE id = OLD.action_id AND OLD.session_id IS NULL;
        UPDATE structures_session SET taken = GREATEST(taken - 1, 0) WHERE id = OLD.session_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state IN {held} THEN
        IF NEW.session_id IS NOT NULL THEN
            UPDATE structures_session SET taken = taken + 1
             WHERE id = NEW.session_id AND (places IS NULL OR reserved + taken < places);
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = '{session_full}',
                      MESSAGE = 'no place left in the session';
            END IF;
        ELSE
            -- A fiche whose session is removed keeps its place, even where the action counts fewer.
            UPDATE structures_action SET taken = taken + 1
             WHERE id = NEW.action_id
               AND (places IS NULL OR taken < places OR (TG_OP = 'UPDATE' AND OLD.state IN {held}));
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = '{action_full}',
                      MESSAGE = 'no place left in the action';
            END IF;
        END IF;
    END IF;
    UPDATE structures_offer o SET places_left = GREATEST(s.places - s.reserved - s.taken, 0)
      FROM structures_session s
     WHERE s.id IN (OLD.session_id, NEW.session_id) AND s.places IS NOT NULL AND o.session_id = s.id;
    UPDATE structures_offer o SET places_left = GREATEST(a.places - a.taken, 0)
      FROM structures_action a
     WHERE a.id IN (OLD.action_id, NEW.action_id) AND a.places IS NOT NULL
       AND o.action_id = a.id AND o.session_id IS NULL;
    RETURN NULL;
""".format(  # noqa: S608 # nosec B608: the states are constants
    session_full=SESSION_IS_FULL,
    action_full=ACTION_IS_FULL,
    held=f"({', '.join(repr(state.value) for state in HOLDING)})",
)
"""How many places of a session, or of an action for the fiches without a session, are taken: kept by the database, so
that whatever changes a fiche, the count that the suggestions and the receiver read is right at once.

Taking one waits for whoever is taking another, then looks again: of two receivers at once, one gets the last place.
"""
