#!/usr/bin/env python3
"""Generates the Grafana dashboards in deploy/observability/grafana/dashboards.

    scripts/observability/dashboards.py            writes the files
    scripts/observability/dashboards.py --check    exits with 1 if a file differs, is missing, or is not generated here

A dashboard is a list of sections, a section a title and its panels. docs/metrics.md describes the metrics.
"""

import json
import pathlib
import string
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "deploy/observability/grafana/dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}

# The statuses that count as failures, as in prometheus/rules/slo.yml.
FAILED = 'status=~"5..|UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|DATA_LOSS"'
SELECTED = 'service=~"$service", instance=~"$instance"'


def rate(metric, *matchers):
    selector = f"{{{', '.join(matchers)}}}" if matchers else ""
    return f"rate({metric}{selector}[$__rate_interval])"


def total(by, metric, *matchers):
    return f"sum by ({by}) ({rate(metric, *matchers)})"


def quantile(q, by, histogram, *matchers):
    return f"histogram_quantile({q}, {total(by + ', le', histogram + '_bucket', *matchers)})"


def mean(by, histogram, *matchers):
    return f"{total(by, histogram + '_sum', *matchers)} / {total(by, histogram + '_count', *matchers)}"


def series(title, unit, *queries, description="", width=8, exemplars=False, stacked=False, maximum=None):
    """A panel over time; a query is an expression and the legend of its rows."""
    defaults = {"unit": unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}
    if stacked:
        defaults["custom"]["stacking"] = {"mode": "normal"}
    if maximum is not None:
        defaults["max"] = maximum
    return {
        "type": "timeseries", "title": title, "description": description, "gridPos": {"w": width, "h": 8},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max"]},
                    "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [target(*query, exemplar=exemplars) for query in queries],
    }


def number(title, unit, expr, legend, *limits, description=""):
    """A panel of the current value of each row: green, orange from the first limit, red from the second."""
    steps = [{"color": "green", "value": None}]
    steps += [{"color": color, "value": limit} for color, limit in zip(["orange", "red"], limits)]
    return {
        "type": "stat", "title": title, "description": description, "gridPos": {"w": 6, "h": 4},
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "value_and_name", "colorMode": "value"},
        "targets": [target(expr, legend)],
    }


def target(expr, legend, exemplar=False):
    return {"datasource": PROMETHEUS, "expr": expr, "legendFormat": legend, "range": True, "exemplar": exemplar}


def variable(name, query):
    return {
        "type": "query", "name": name, "label": name, "datasource": PROMETHEUS, "query": query,
        "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def dashboard(uid, title, description, sections, variables=()):
    panels, y = [], 0
    for name, content in sections:
        panels.append({"type": "row", "title": name, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        x, y, height = 0, y + 1, 0
        for panel in content:
            place = panel["gridPos"]
            if x + place["w"] > 24:
                x, y = 0, y + height
            place.update(x=x, y=y)
            x, height = x + place["w"], place["h"]
            panels.append({"datasource": PROMETHEUS, **panel})
        y += height
    for identifier, panel in enumerate(panels, start=1):
        panel["id"] = identifier
        for letter, query in zip(string.ascii_uppercase, panel.get("targets", [])):
            query["refId"] = letter
    return {
        "uid": f"marquee-{uid}", "title": title, "description": description, "tags": ["marquee"],
        "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"}, "timezone": "browser",
        "links": [{"type": "dashboards", "title": "Marquee", "tags": ["marquee"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": list(variables)}, "panels": panels,
    }


SERVICES = dashboard(
    "services", "Services", "Rate, errors and duration of the requests to each service, by route and instance", [
        ("Objectives", [
            number("Requests", "reqps", total("service", "requests_total", SELECTED), "{{service}}"),
            number("Failed, 1 h", "percentunit", 'service:request_failures:ratio_rate1h{service=~"$service"}',
                   "{{service}}", 0.001, 0.0144, description="The objective allows 0.1 %."),
            number("Slower than 100 ms, 1 h", "percentunit", 'service:slow_requests:ratio_rate1h{service=~"$service"}',
                   "{{service}}", 0.01, 0.144, description="The objective allows 1 %."),
            number("Version", "short", f"count by (service, version) (build_info{{{SELECTED}}})", "{{service}} {{version}}",
                   description="Instances of each version."),
        ]),
        ("By route", [
            series("Requests", "reqps", (total("service, route", "requests_total", SELECTED), "{{service}} {{route}}")),
            series("Failures", "reqps", (total("service, route, status", "requests_total", SELECTED, FAILED),
                                         "{{service}} {{route}} {{status}}"),
                   description="HTTP 5xx, and the gRPC codes that are not the caller's fault."),
            series("Statuses", "reqps", (total("service, status", "requests_total", SELECTED), "{{service}} {{status}}")),
            series("Duration, p99", "s", (quantile(0.99, "service, route", "request_duration_seconds", SELECTED),
                                          "{{service}} {{route}}"),
                   width=12, exemplars=True, description="Points are sampled requests; each links to its trace."),
            series("Duration, p50", "s", (quantile(0.5, "service, route", "request_duration_seconds", SELECTED),
                                          "{{service}} {{route}}"), width=12),
        ]),
        ("By instance", [
            series("Requests", "reqps", (total("instance", "requests_total", SELECTED), "{{instance}}"), width=6),
            series("Share of failures", "percentunit",
                   (f"{total('instance', 'requests_total', SELECTED, FAILED)} / {total('instance', 'requests_total', SELECTED)}",
                    "{{instance}}"), width=6),
            series("Duration, p99", "s", (quantile(0.99, "instance", "request_duration_seconds", SELECTED), "{{instance}}"),
                   width=6, exemplars=True),
            series("In flight", "short", (f"sum by (instance) (requests_in_flight{{{SELECTED}}})", "{{instance}}"), width=6),
        ]),
        ("Process", [
            series("CPU", "short", (rate("process_cpu_seconds_total", SELECTED), "{{instance}}"), description="Cores."),
            series("Resident memory", "bytes", (f"process_resident_memory_bytes{{{SELECTED}}}", "{{instance}}")),
            series("File descriptors in use", "percentunit",
                   (f"process_open_fds{{{SELECTED}}} / process_max_fds{{{SELECTED}}}", "{{instance}}"), maximum=1),
            series("Runtime utilization", "percentunit",
                   (f"{total('instance, runtime', 'tokio_worker_busy_seconds_total', SELECTED)}"
                    f" / sum by (instance, runtime) (tokio_workers{{{SELECTED}}})", "{{instance}} {{runtime}}"),
                   maximum=1, description="The share of time in which the threads of the runtimes ran tasks."),
            series("Tasks", "short", (f"tokio_alive_tasks{{{SELECTED}}}", "{{instance}} {{runtime}}"),
                   (f"tokio_global_queue_depth{{{SELECTED}}}", "{{instance}} {{runtime}}, queued")),
            series("Lost log lines", "short", (rate("log_lines_dropped_total", SELECTED), "{{instance}} dropped"),
                   (rate("log_lines_suppressed_total", SELECTED), "{{instance}} suppressed"), width=12),
            series("Spans", "ops", (rate("trace_spans_exported_total", SELECTED), "{{instance}} exported"),
                   (rate("trace_spans_dropped_total", SELECTED), "{{instance}} dropped"),
                   (rate("trace_export_failures_total", SELECTED), "{{instance}} failed exports"), width=12),
        ]),
    ], [variable("service", 'label_values(up{job="marquee"}, service)'),
        variable("instance", 'label_values(up{job="marquee", service=~"$service"}, instance)')])

# `service` calls, `exported_service` is called.
PEER = "{{service}} → {{exported_service}}"
CALLS = dashboard(
    "calls", "Calls between services", "Who calls which instance, how fast, and what retries and hedges cost", [
        ("Calls", [
            series("Calls", "reqps", (total("service, exported_service, outcome", "client_calls_total"), PEER + " {{outcome}}"),
                   width=12),
            series("Tries per call", "short",
                   (f"{total('service, exported_service', 'client_tries_total')} / "
                    f"{total('service, exported_service', 'client_calls_total')}", PEER),
                   width=12, description="More than 1 by retries and hedges."),
        ]),
        ("By called instance", [
            series("Tries", "reqps", (total("exported_instance", "client_requests_total"), "{{exported_instance}}"),
                   stacked=True),
            series("Failed tries", "reqps",
                   (total("exported_instance, outcome", "client_requests_total", 'outcome!="ok"'),
                    "{{exported_instance}} {{outcome}}"),
                   description="`error` includes errors of callers, such as an unknown id."),
            series("Ejected", "short", ("max by (exported_instance) (client_instance_ejected)", "{{exported_instance}}"),
                   description="1 if a worker of a caller has ejected the instance."),
            series("Duration, p99", "s",
                   (quantile(0.99, "exported_instance", "client_request_duration_seconds"), "{{exported_instance}}"), width=12),
            series("Duration, p50", "s",
                   (quantile(0.5, "exported_instance", "client_request_duration_seconds"), "{{exported_instance}}"), width=12),
        ]),
        ("Retries and hedges", [
            series("Retries", "reqps",
                   (total("service, exported_service, reason", "client_retries_total"), PEER + " {{reason}}"), width=6),
            series("Hedges", "reqps", (total("service, exported_service", "client_hedges_total"), PEER),
                   (total("service, exported_service", "client_hedges_won_total"), PEER + ", won"), width=6),
            series("Retry budget", "short",
                   ("sum by (service, exported_service) (client_retry_budget_balance)", PEER), width=6,
                   description="Retries and hedges that are allowed now; at 0 they are refused."),
            series("Refused by the budget", "reqps",
                   (total("service, exported_service", "client_budget_refusals_total"), PEER), width=6),
        ]),
        ("Coalesced reads", [
            series("Ids per batch", "short", (mean("service, exported_service", "coalesce_batch_ids"), PEER)),
            series("Reads", "reqps", (total("service, exported_service", "coalesce_reads_total"), PEER)),
            series("Failed and overdue batches", "reqps",
                   (total("service, exported_service", "coalesce_failed_batches_total"), PEER + " failed"),
                   (total("service, exported_service", "coalesce_overdue_batches_total"), PEER + " overdue")),
        ]),
    ])

INGESTION = dashboard(
    "ingestion", "Ingestion", "Ratings from Kafka: lag, batches, and dead letters", [
        ("Now", [
            number("Oldest pending event", "s", "max(ingest_lag_seconds)", "", 10, 60),
            number("Pending events", "short", "sum(ingest_lag_events)", "", 10000, 100000),
            number("Blocked", "bool_yes_no", "max by (instance) (ingest_blocked)", "{{instance}}", 1, 1,
                   description="/v1/ingestion of the instance names the reason."),
            number("Dead letters", "short", "sum by (reason) (ingest_rejected_events_total)", "{{reason}}", 1, 1,
                   description="Since the instances started."),
        ]),
        ("Flow", [
            series("Events applied", "ops", (total("outcome", "ingest_events_total"), "{{outcome}}"), stacked=True),
            series("Events produced", "ops", ("sum by (topic) (deriv(ingest_end_offset[$__rate_interval]))", "{{topic}}"),
                   ("sum by (topic) (deriv(ingest_stored_offset[$__rate_interval]))", "{{topic}}, applied")),
            series("Dead letters", "ops", (total("instance, reason", "ingest_rejected_events_total"), "{{instance}} {{reason}}")),
        ]),
        ("Lag", [
            series("Lag in events", "short", ("sum by (topic, partition) (ingest_lag_events)", "{{topic}}/{{partition}}"),
                   stacked=True),
            series("Lag in seconds", "s", ("max by (topic, partition) (ingest_lag_seconds)", "{{topic}}/{{partition}}")),
            series("Partitions that are not read", "short", ("sum by (topic) (ingest_stalled)", "{{topic}} stalled"),
                   ("sum by (topic) (ingest_unreadable)", "{{topic}} unreadable"),
                   ("sum by (topic) (ingest_lost_offset)", "{{topic}} offset lost")),
        ]),
        ("Batches", [
            series("Events per batch", "short", (mean("instance", "ingest_batch_events"), "{{instance}}"), width=6),
            series("Time of a batch", "s", (quantile(0.5, "instance", "ingest_batch_seconds"), "{{instance}} p50"),
                   (quantile(0.99, "instance", "ingest_batch_seconds"), "{{instance}} p99"), width=6),
            series("Batches", "ops", (total("instance", "ingest_batches_total"), "{{instance}}"),
                   (total("instance", "ingest_fenced_total"), "{{instance}} fenced"), width=6),
            series("Partitions", "short", ("sum by (instance) (ingest_assigned_partitions)", "{{instance}}"),
                   ("sum by (instance) (ingest_paused_lanes)", "{{instance}} paused lanes"), width=6),
        ]),
    ])

STORAGE = dashboard(
    "storage", "Storage", "Writes, connections, caches and disks of metadata and rating", [
        ("Writes", [
            series("Writes committed", "ops", (total("instance", "write_batch_writes_sum"), "{{instance}}"), width=6),
            series("Writes per batch", "short", (mean("instance", "write_batch_writes"), "{{instance}}"), width=6),
            series("Time of a batch", "s", (quantile(0.5, "instance", "write_batch_duration_seconds"), "{{instance}} p50"),
                   (quantile(0.99, "instance", "write_batch_duration_seconds"), "{{instance}} p99"), width=6),
            series("Queue", "short", ("write_queue_writes", "{{instance}} lane {{lane}}"), width=6),
            series("Oldest write", "s", ("max by (instance) (write_oldest_seconds)", "{{instance}}"), width=24,
                   description="An instance is not ready once a write has waited for 5 s."),
        ]),
        ("Connections", [
            series("Connections", "short", ("sum by (instance, pool, state) (db_pool_connections)",
                                            "{{instance}} {{pool}} {{state}}"), stacked=True),
            series("Share of the limit in use", "percentunit",
                   ('sum by (instance, pool) (db_pool_connections{state="used"})'
                    " / sum by (instance, pool) (db_pool_max_connections)", "{{instance}} {{pool}}"), maximum=1),
            series("Wait for a connection, p99", "s",
                   (quantile(0.99, "instance, pool", "db_pool_wait_seconds"), "{{instance}} {{pool}}"),
                   description="PostgreSQL."),
        ]),
        ("Caches", [
            series("Share of hits", "percentunit",
                   (f"{total('instance, cache', 'cache_hits_total')} / ({total('instance, cache', 'cache_hits_total')}"
                    f" + {total('instance, cache', 'cache_misses_total')})", "{{instance}} {{cache}}"), maximum=1),
            series("Memory", "bytes", ("sum by (instance, cache) (cache_bytes)", "{{instance}} {{cache}}"), stacked=True),
            series("Share of the limit", "percentunit", ("cache_bytes / cache_max_bytes", "{{instance}} {{cache}}"), maximum=1),
        ]),
        ("SQLite", [
            series("Files", "bytes", ("db_file_bytes", "{{instance}} {{file}}")),
            series("Free disk space", "percentunit", ("disk_free_bytes / disk_size_bytes", "{{instance}}"), maximum=1),
            series("Memtables", "percentunit", ("memtable_pending_rows / memtable_capacity_rows", "{{instance}} {{table}}"),
                   description="Changed rows that are not yet merged, as a share of the number above which batches merge some."),
        ]),
    ])

DISCOVERY = dashboard(
    "discovery", "Discovery", "Registered instances, and what services know of each other", [
        ("Instances", [
            number("Instances that serve their metrics", "short", "service:instances_up:count", "{{service}}"),
            number("Reach the registry", "bool_yes_no", "min by (service) (registry_up)", "{{service}}"),
            series("Registered instances", "short", ('count by (service) (up{job="marquee"})', "{{service}}"), width=12),
        ]),
        ("What callers know", [
            series("Known instances", "short",
                   ("max by (exported_service, instance) (client_instances)", "{{exported_service}}, known to {{instance}}")),
            series("Ejected instances", "short", ("max by (exported_service, instance) (client_instances_ejected)",
                                                  "{{exported_service}}, by {{instance}}")),
            series("Ejections", "ops", (total("exported_service", "client_ejections_total"), "{{exported_service}}")),
        ]),
        ("Registry", [
            series("Reachable", "bool", ("registry_up", "{{instance}}"), maximum=1, width=6),
            series("Filtered watches", "short", ("registry_filtered_watches", "{{instance}}"), width=6,
                   description="Their results lack instances that the registry's token has no permission to read."),
            series("Retaining watches", "short", ("registry_retaining_watches", "{{instance}}"), width=6,
                   description="They still use instances that the registry lost during an outage."),
            series("Unusable responses", "short", ("registry_unusable_responses", "{{instance}}"), width=6),
        ]),
        ("Scrapes", [
            series("Duration", "s", ('scrape_duration_seconds{job="marquee"}', "{{instance}}"), width=12),
            series("Rows", "short", ('scrape_samples_scraped{job="marquee"}', "{{instance}}"), width=12),
        ]),
    ])


def main():
    dashboards = [SERVICES, CALLS, INGESTION, STORAGE, DISCOVERY]
    texts = {f"{each['uid'].removeprefix('marquee-')}.json": json.dumps(each, indent=1, ensure_ascii=False) + "\n"
             for each in dashboards}
    if sys.argv[1:] == ["--check"]:
        existing = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
        outdated = sorted(name for name in texts.keys() | existing.keys() if texts.get(name) != existing.get(name))
        if outdated:
            sys.exit(f"not what scripts/observability/dashboards.py generates: {', '.join(outdated)}")
    elif len(sys.argv) == 1:
        for name, text in texts.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
