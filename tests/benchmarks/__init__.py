"""The benchmarks. Django is set up here: their modules import models."""

import django

django.setup()
