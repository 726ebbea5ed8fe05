"""Totals and gauges as the text that Prometheus reads, by its own library; in OpenMetrics for whoever asks for it."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import exposition
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from appliance.metrics.gauges import Gauge
from tasks.metrics.declared import COUNTED, Counter, Histogram
from tasks.metrics.tally import SUM

Totals = Mapping[tuple[str, ...], float]


def rendered(totals: Totals, gauges: Iterable[Gauge], accept: str) -> tuple[bytes, str]:
    """The text and its content type, as `accept` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(totals, gauges))
    encoder, content_type = exposition.choose_encoder(accept)
    return encoder(registry), content_type


class _Collected(Collector):
    def __init__(self, totals: Totals, gauges: Iterable[Gauge]) -> None:
        self._totals, self._gauges = totals, gauges

    def collect(self) -> Iterator[Metric]:
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for (name, *rest), total in self._totals.items():
            found.setdefault(name, {})[tuple(rest)] = total
        for metric in COUNTED:
            values = found.get(metric.name, {})
            yield _counter(metric, values) if isinstance(metric, Counter) else _histogram(metric, values)
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.values:
                family.add_metric(labels, value)
            yield family


def _counter(counter: Counter, values: Totals) -> Metric:
    family = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
    for labels, value in values.items() if counter.labels else [((), values.get((), 0.0))]:
        # Another version may have counted it by other labels.
        if len(labels) == len(counter.labels):
            family.add_metric(labels, value)
    return family


def _histogram(histogram: Histogram, values: Totals) -> Metric:
    """Redis has how many fell between two bounds, Prometheus wants how many at most each."""
    family = HistogramMetricFamily(histogram.name, histogram.help, labels=histogram.labels)
    places = [str(place) for place in range(len(histogram.bounds) + 1)]
    for labels in dict.fromkeys(key[:-1] for key in values if len(key) == len(histogram.labels) + 1):
        below = 0.0
        buckets = []
        for bound, place in zip((*map(str, histogram.bounds), "+Inf"), places, strict=True):
            below += values.get((*labels, place), 0.0)
            buckets.append((bound, below))
        family.add_metric(labels, buckets, values.get((*labels, SUM), 0.0))
    return family
