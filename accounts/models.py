"""Who logs in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail: there is no user name."""

    def _create(self, email: str, password: str | None, **extra: Any) -> User:
        if not email:
            raise ValueError("an e-mail address is needed")
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create an ordinary user. Raises `ValueError` without an address."""
        extra.setdefault("is_staff", False)
        extra.setdefault("is_superuser", False)
        return self._create(email, password, **extra)

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create a member of the support staff, with every right in the admin."""
        return self._create(email, password, **{**extra, "is_staff": True, "is_superuser": True})


class User(AbstractUser):
    """A professional who logs in with an e-mail address; what they may do comes from their memberships."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("adresse e-mail", unique=True)
    job_title = models.CharField("fonction", max_length=120, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "utilisateur"
        verbose_name_plural = "utilisateurs"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_the_case")]

    def __str__(self) -> str:
        return self.get_full_name() or self.email
