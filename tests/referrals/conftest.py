"""A prescriber and a structure that receives, for tests of the case."""

from __future__ import annotations

import pytest
from django.test import Client

from referrals.permissions import Door
from structures.models import Structure
from structures.vocabulary import Role
from tests.territory import a_door, a_structure


@pytest.fixture
def door(db: None) -> Door:
    """The door of a prescriber."""
    return a_door(a_structure("Envoi"), Role.PRESCRIBER)


@pytest.fixture
def receiver(db: None) -> Structure:
    """A structure that offers actions."""
    return a_structure("Accueil")


@pytest.fixture
def logged(client: Client, door: Door) -> Client:
    """The browser of that prescriber."""
    assert door.user is not None
    client.force_login(door.user)
    return client
