"""The same plain text in Python and in PostgreSQL, so that what is typed meets what is stored."""

import pytest
from django.db import connection

from structures.text import plain


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["Élève", "ÇA ET LÀ", "l’Œuvre", "Zoë Müller", "GROẞ straße", "Łódź", "Nguyễn Đức", "Øre", "ÀÉÈÊËÎÏÔÙÛÜŸ"]
)
def test_python_and_postgresql_fold_alike(text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relais_plain(%s)", [text])
        assert plain(text) == cursor.fetchone()[0]
