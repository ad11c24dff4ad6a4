"""Create an API token for a member of a structure, and print it once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import get_token_model

from accounts.models import User


class Command(BaseCommand):
    """Tokens are created by support, not by a password over the API: that would go round the second factor."""

    help = "Create an API token for a user. It is shown once; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address the user logs in with")
        parser.add_argument("--days", type=int, default=90, help="days of validity, 1 to 365 (default: 90)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises `CommandError` for an unknown or inactive user and for a validity out of bounds."""
        days = options["days"]
        if not 1 <= days <= 365:
            raise CommandError("--days goes from 1 to 365.")
        user = User.objects.filter(email=options["email"].lower(), is_active=True).first()
        if user is None:
            raise CommandError("No active user has this address.")
        _, token = get_token_model().objects.create(user, expiry=dt.timedelta(days=days))
        self.stdout.write(token)
