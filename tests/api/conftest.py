"""A sender, a receiver, a stranger and a coordinator, each with a token."""

from __future__ import annotations

from typing import Any

import pytest
from knox.models import get_token_model
from rest_framework.test import APIClient

from accounts.models import User
from referrals.permissions import Door
from structures.vocabulary import Role
from tests.territory import a_door, a_need, a_person, a_structure, an_action


def token_of(user: User | None) -> str:
    """The value of the header that a program sends."""
    _, token = get_token_model().objects.create(user)
    return f"Token {token}"


def client_of(user: User | None) -> APIClient:
    """A client that sends the user's token, as a program would."""
    client = APIClient()
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=token_of(user))
    return client


class ApiTown:
    """Two structures that work together, a stranger, a coordinator, and one person with one need."""

    def __init__(self) -> None:
        self.doors: dict[str, Door] = {
            "sender": a_door(a_structure("Mission locale")),
            "receiver": a_door(a_structure("Cria")),
            "stranger": a_door(a_structure("Autre")),
            "coordinator": a_door(a_structure("Ville"), Role.COORDINATOR),
        }
        self.clients: dict[str, APIClient] = {name: client_of(door.user) for name, door in self.doors.items()}
        self.clients["anonymous"] = client_of(None)
        self.action = an_action(self.structure("receiver"))
        self.person = a_person(self.doors["sender"].actor)
        self.need = a_need(self.person, self.doors["sender"].actor)

    def structure(self, who: str) -> Any:
        return self.doors[who].structure

    def __getitem__(self, who: str) -> APIClient:
        return self.clients[who]


@pytest.fixture
def town(db: None) -> ApiTown:
    return ApiTown()
