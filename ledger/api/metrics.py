"""Prometheus metrics: what a server does, for its operator.

Labels are routes, methods, statuses and names of ledgers: never an address, an id or a name of a person. `/metrics`
answers to this machine alone, and not through a proxy. Several processes share a folder of files, in which each counts.
"""

import os
import time
from typing import Literal

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ledger.api.edge import Routes, produces
from ledger.api.problems import Problem
from ledger.api.served import all_served
from ledger.followers.collecting import Watch as OfWitnesses
from ledger.sequencer.sequencer import Watch

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name: where several processes count together
LOOPBACK = ("127.0.0.1", "::1")
EXTENSION = "comarca_metrics"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
operations = Routes("operations", __name__, description="For the operator")


class Metrics:
    """The metrics of one process. Make it in the process that counts."""

    def __init__(self) -> None:
        self.shared = FOLDER in os.environ
        if self.shared:
            # The library chooses when it is imported, which is before a server makes the folder.
            values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
        self.registry = own = CollectorRegistry()
        names = ["method", "route"]
        self.requests = Counter("comarca_requests", "Requests answered", [*names, "status"], registry=own)
        self.seconds = Histogram("comarca_request_seconds", "Time to an answer (no streams)", names, registry=own)
        self.batch = Histogram(
            "comarca_batch_size", "Instructions of one transaction", ["ledger"], buckets=BATCHES, registry=own
        )
        self.commit = Histogram("comarca_batch_seconds", "Time of one transaction", ["ledger"], registry=own)
        self.log_size = self._gauge("comarca_log_size", "Entries under a checkpoint", "max")
        self.published = self._gauge("comarca_published_size", "Entries under the checkpoint that is published", "max")
        witness = ["ledger", "witness"]
        self.asked = Counter("comarca_witness_asked", "Answers of witnesses", [*witness, "outcome"], registry=own)
        self.cosigned = Gauge(
            "comarca_witness_size",
            "Entries that a witness has cosigned",
            witness,
            registry=own,
            multiprocess_mode="max",
        )
        self.streams = self._gauge("comarca_streams", "Streams open", "livesum")
        self.ready = self._gauge("comarca_ready", "1: takes instructions", "min")

    def _gauge(self, name: str, what: str, together: Literal["max", "livesum", "min"]) -> Gauge:
        return Gauge(name, what, ["ledger"], registry=self.registry, multiprocess_mode=together)

    def text(self) -> bytes:
        """All metrics as Prometheus reads them, of all processes where they share a folder."""
        registry = CollectorRegistry() if self.shared else self.registry
        if self.shared:
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def register(app: Flask) -> None:
    """Count every request and batch of this application."""
    metrics = app.extensions[EXTENSION] = Metrics()
    app.before_request(_begin)
    app.after_request(_count)
    with app.app_context():
        for one in all_served():
            one.watch(counting(metrics, one.name))


def counting(metrics: Metrics, ledger: str) -> Watch:
    """Counts the batches of a ledger."""

    def watch(size: int, seconds: float) -> None:
        metrics.batch.labels(ledger).observe(size)
        metrics.commit.labels(ledger).observe(seconds)

    return watch


def counting_witnesses(metrics: Metrics, ledger: str) -> OfWitnesses:
    """Counts what the witnesses of a ledger answer."""

    def watch(name: str, outcome: str, size: int) -> None:
        witness = name.encode(errors="replace").decode()  # any octets may be a name in a policy
        metrics.asked.labels(ledger, witness, outcome).inc()
        if outcome == "cosigned":
            metrics.cosigned.labels(ledger, witness).set(size)

    return watch


def _begin() -> None:
    g.began = time.perf_counter()


def _count(response: Response) -> Response:
    metrics: Metrics = current_app.extensions[EXTENSION]
    route = request.url_rule.rule if request.url_rule is not None else "none"
    method = request.method if request.method in METHODS else "other"  # whose names anyone can make up, without end
    metrics.requests.labels(method, route, response.status_code).inc()
    if not response.is_streamed and "began" in g:
        metrics.seconds.labels(method, route).observe(time.perf_counter() - g.began)
    return response


@operations.route("/metrics", methods=["GET"])
@operations.response(200, {"type": "string"}, content_type="text/plain", description="Prometheus metrics")
@produces("text/plain")
def show_metrics() -> Response:
    """Metrics in the format of Prometheus, for a scraper on this machine."""
    if request.remote_addr not in LOOPBACK or "X-Forwarded-For" in request.headers:
        raise Problem("not_found")
    metrics: Metrics = current_app.extensions[EXTENSION]
    for one in all_served():
        metrics.log_size.labels(one.name).set(one.checkpoint()[0])
        metrics.published.labels(one.name).set(one.published()[0])
        metrics.streams.labels(one.name).set(one.streams.total())
        metrics.ready.labels(one.name).set(one.trouble() is None)
    return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)
