//! Conversion of `prometheus-client`'s OpenMetrics text to the Prometheus text format 0.0.4.

use std::fmt::Write as _;

/// Converts the metrics to format 0.0.4: a counter is named like its samples, types that the format
/// does not know become the nearest one, units and the end mark are removed.
pub(super) fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" | "stateset" => ("", "untyped"),
                kind => ("", kind),
            };
            _ = write!(text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_marks_follow_older_format() {
        let open_metrics = "\
# HELP requests Requests.
# TYPE requests counter
requests_total{route=\"# TYPE a b\"} 3
# HELP build What runs.
# TYPE build info
build_info{version=\"1\"} 1
# HELP wait_seconds Wait.
# TYPE wait_seconds gauge
# UNIT wait_seconds seconds
wait_seconds 0.5
# HELP odd Odd.
# TYPE odd unknown
odd 1
# EOF
";
        let expected = "\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{route=\"# TYPE a b\"} 3
# HELP build_info What runs.
# TYPE build_info gauge
build_info{version=\"1\"} 1
# HELP wait_seconds Wait.
# TYPE wait_seconds gauge
wait_seconds 0.5
# HELP odd Odd.
# TYPE odd untyped
odd 1
";
        assert_eq!(prometheus(open_metrics), expected);
    }
}
