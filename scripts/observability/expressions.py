"""Runs the expressions of all panels and rules on a Prometheus, and checks that each returns rows.

An alert's expression returns nothing while all is well. So that its parts are seen, an expression is run without what
removes rows: see `unfiltered`.
"""

import json
import math
import re
import time
import urllib.parse
import urllib.request

# What Grafana replaces. The services are those of the stack: tools have some of the metrics too.
VARIABLES = {"$__rate_interval": "10s", "$service": "metadata|rating|movie", "$instance": "(metadata|rating|movie)-.+"}

TOKEN = re.compile(r'''
    "(?:[^"\\]|\\.)*"                                  # a string
    | \{(?:"(?:[^"\\]|\\.)*"|[^}"])*\}                 # matchers
    | (?P<comparison>[=!<>]=|[<>])
    | (?P<set>\b(?:or|unless)\b)
    | (?P<absent>\babsent\b)
    | (?P<offset>\s*\boffset\s+\w+)
''', re.VERBOSE)


def unfiltered(expr):
    """Returns the expression such that it has rows only if all its operands have.

    Comparisons return 0 or 1 instead of removing rows, `or` and `unless` become `and`, which needs rows on both sides,
    `absent` becomes `count`, and offsets are removed, since the Prometheus of a check has no past.

    >>> unfiltered('up == 0')
    'up == bool 0'
    >>> unfiltered('(a{x!="or > 1"} > 1 and b >= 2) or absent(c)')
    '(a{x!="or > 1"} > bool 1 and b >= bool 2) and count(c)'
    >>> unfiltered('(a unless a offset 15m) > 0')
    '(a and a) > bool 0'
    """
    def replaced(match):
        if match["comparison"]:
            return f"{match['comparison']} bool"
        if match["set"]:
            return "and"
        if match["absent"]:
            return "count"
        return "" if match["offset"] else match[0]
    return TOKEN.sub(replaced, expr)


def of_dashboard(name, dashboard):
    """Yields each expression with its place and the labels that its rows must have."""
    for variable in dashboard["templating"]["list"]:
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()
        yield f"{name}, variable {variable['name']}", selector, {label}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{name}, {panel['title']}", target["expr"], set(re.findall(r"{{(\w+)}}", target["legendFormat"]))


def of_rules(prometheus):
    """Yields the same of each rule that `prometheus` has loaded."""
    groups = get(prometheus, "rules")["groups"]
    for group in groups:
        for rule in group["rules"]:
            if rule["health"] == "err":
                raise SystemExit(f"{rule['name']} fails: {rule['lastError']}")
            texts = " ".join(rule.get("annotations", {}).values())
            # `absent` takes the label from its selector.
            labels = set() if "absent" in rule["query"] else set(re.findall(r"\$labels\.(\w+)", texts))
            yield f"rule {rule['name']}", rule["query"], labels


def get(prometheus, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    try:
        with urllib.request.urlopen(f"{prometheus}/api/v1/{path}?{query}", timeout=20) as response:
            return json.load(response)["data"]
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{parameters}: {error.read().decode()}") from error


def traces(prometheus, histogram):
    """Returns the trace ids of the exemplars of the last minute."""
    now = time.time()
    found = get(prometheus, "query_exemplars", query=histogram, start=now - 60, end=now)
    ids = {each["labels"].get("trace_id", "") for series in found for each in series["exemplars"]}
    return {each for each in ids if re.fullmatch("[0-9a-f]{32}", each)}


def lacks(prometheus, expr, labels):
    """Returns what the result lacks, or None."""
    expr = unfiltered(expr)
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    rows = get(prometheus, "query", query=expr)["result"]
    if not rows:
        return f"no rows: {expr}"
    if all(math.isnan(float(row["value"][1])) for row in rows):
        return f"no numbers: {expr}"
    missing = labels - set().union(*(row["metric"] for row in rows))
    return f"no labels {', '.join(sorted(missing))}: {expr}" if missing else None


def check(prometheus, dashboards, seconds):
    """Runs all expressions until each returns rows, at most for some seconds; returns their number."""
    pending = [*of_rules(prometheus)]
    for name, dashboard in dashboards.items():
        pending += of_dashboard(name, dashboard)
    number, deadline = len(pending), time.monotonic() + seconds
    while True:
        failures = [(each, lack) for each in pending if (lack := lacks(prometheus, each[1], each[2]))]
        if not failures:
            return number
        if time.monotonic() > deadline:
            raise SystemExit("\n".join(f"{place}: {lack}" for (place, _, _), lack in failures))
        pending = [each for each, _ in failures]
        time.sleep(1)
