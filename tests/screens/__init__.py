"""The pictures of `docs/screens/`. Django is set up here: the modules of this package import models."""

import django

django.setup()
