"""A figure leads to the rows behind it: as many as it counts."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone

from referrals.states import Reason
from tests.territory import a_door, a_sent, a_structure, an_action


@pytest.mark.django_db
def test_each_link_of_the_statistics_opens_as_many_fiches_as_the_figure_says(client: Client) -> None:
    now = timezone.now()
    sender, receiver = a_door(a_structure()), a_door(a_structure())
    action = an_action(receiver.structure)
    for days, reason in ((3, Reason.NO_PLACE), (4, Reason.NO_PLACE), (5, Reason.COST), (400, Reason.COST)):
        sent = now - dt.timedelta(days=days)
        a_sent(action, sender.actor, now=sent).decline(receiver.actor, sent + dt.timedelta(hours=2), reason=reason)
    a_sent(action, sender.actor, now=now - dt.timedelta(days=2))
    assert sender.user is not None
    client.force_login(sender.user)
    page = client.get("/statistiques/", {"periode": "12m"}).content.decode()
    links = sorted({link.replace("&amp;", "&") for link in re.findall(r'href="(/fiches/\?[^"]*du=[^"]*)"', page)})
    found = {}
    for link in links:
        listed = client.get(link).content.decode()
        count = re.search(r"(\d+) fiches?\b", listed)
        assert count is not None
        key = re.findall(r"(?:etat|motif)=(\w+)", link)
        found["/".join(key)] = int(count[1])
    assert found[""] == 4, "sent within the period"
    assert found["declined"] == 3
    by_reason = next(link for link in links if link.endswith("etat=declined") or "etat=declined&" in link)
    narrowed = client.get(f"{by_reason}&motif=no_place").content.decode()
    assert "2 fiches" in narrowed
