"""The state for Prometheus: counts by channel and code only, nothing of a person nor of a structure."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.models import HeartbeatKind
from worker.state import Picture, Verdict


class PictureCollector(Collector):
    """Turns one picture into gauges. Everything is read from the database: any web process answers for all."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def collect(self) -> Iterator[Metric]:
        """Each measure with its meaning."""
        picture, pulse = self._picture, self._picture.pulse
        yield _gauge("relais_reminders_due", "Reminders that are due.", picture.due)
        yield _gauge("relais_reminders_late", "Reminders due for more than ten minutes.", picture.late)
        for name, meaning in (
            ("due", "Letters that may leave now."),
            ("late", "Letters that could have left more than ten minutes ago."),
            ("retried", "Letters refused for a time, tried again later."),
            ("sending", "Letters that a worker holds."),
        ):
            family = GaugeMetricFamily(f"relais_letters_{name}", meaning, labels=["channel"])
            for lane in picture.lanes:
                family.add_metric([lane.channel], getattr(lane, name))
            yield family
        dead = GaugeMetricFamily(
            "relais_dead_letters", "Letters given up, to be replayed or abandoned.", labels=["channel", "code"]
        )
        for failure in picture.failures:
            dead.add_metric([failure.channel, failure.code], failure.count)
        yield dead
        waited = (pulse.now - pulse.oldest_due).total_seconds() if pulse.oldest_due is not None else 0
        yield _gauge("relais_oldest_due_seconds", "How long the oldest thing that is due has waited.", waited)
        for name, meaning, at in (
            ("pickup", "When a worker last picked up what was due.", pulse.picked_up_at),
            ("beat", "When the clock last woke the workers.", pulse.beat_at),
        ):
            if at is not None:
                yield _gauge(f"relais_last_{name}_timestamp_seconds", meaning, at.timestamp())
        yield _gauge("relais_workers_alive", "Workers seen lately.", picture.alive(HeartbeatKind.WORKER))
        yield _gauge("relais_beats_alive", "Clocks seen lately.", picture.alive(HeartbeatKind.BEAT))
        stopped = picture.verdict == Verdict.STOPPED
        yield _gauge("relais_stopped", "1 when nothing is picked up for ten minutes though something is due.", stopped)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=float(value))


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the bearer of `METRICS_TOKEN`; 404 while it is unset, 401 to anyone else."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PictureCollector(Picture.take(timezone.now())))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
