"""`/healthz` for whoever watches the machine, `/metrics` for Prometheus.

The first is open to all, so it tells nothing but which part is unwell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.engine import Engine

HEALTH = "/healthz"
METRICS = "/metrics"


def health_routes(engine: Engine, ailing: Callable[[], Sequence[str]]) -> list[Route]:
    """`ailing` names the parts beside the engine that do not serve as they should."""

    async def healthz(request: Request) -> Response:
        parts = [*unwell(await engine.health()), *ailing()]
        if not parts:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "unwell", "parts": parts}, status_code=503)

    async def metrics(request: Request) -> Response:
        text = metrics_text(await engine.health())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return [Route(HEALTH, healthz), Route(METRICS, metrics)]


def unwell(health: Mapping[str, Any]) -> Sequence[str]:
    """The names of the engine's parts that keep it from working."""
    sandbox = health["sandbox"]
    unsafe = not sandbox["working"] and sandbox["choice"] != "off"
    names = ["sandbox"] if unsafe else []
    if len(health["problems"]) > len(names):
        names.append("disk or memory")
    return names


class _Snapshot:
    """What the health says now, as Prometheus's library wants to collect it."""

    def __init__(self, health: Mapping[str, Any]) -> None:
        self._health = health

    def collect(self) -> list[GaugeMetricFamily]:
        health = self._health
        tasks = GaugeMetricFamily("gofer_tasks", "Tasks by status", labels=["status"])
        for status, count in health["counts"].items():
            tasks.add_metric([status], count)
        return [
            GaugeMetricFamily("gofer_up", "1 when nothing is wrong", value=int(health["ok"])),
            tasks,
            GaugeMetricFamily(
                "gofer_queue_length", "Tasks that wait", value=health["queue"]["length"]
            ),
            GaugeMetricFamily(
                "gofer_queue_limit", "Tasks that may wait", value=health["queue"]["limit"]
            ),
        ]


def metrics_text(health: Mapping[str, Any]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Snapshot(health))
    return generate_latest(registry)
