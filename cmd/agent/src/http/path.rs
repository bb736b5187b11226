//! A request's path: decoded, or redirected if it is not normalized.

use http::Uri;
use percent_encoding::percent_decode_str;

/// Returns the decoded path, or the normalized path to redirect to if it contains `//`, `.` or `..`.
pub(super) fn plain(uri: &Uri) -> Result<String, String> {
    let path = percent_decode_str(uri.path()).decode_utf8_lossy().into_owned();
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (last, before) = segments.split_last().unwrap_or((&"", &[]));
    if !before.iter().any(|segment| odd(segment)) && !matches!(*last, "." | "..") {
        return Ok(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in uri.path().split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let slash = if last.is_empty() && !kept.is_empty() { "/" } else { "" };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Err(format!("/{}{slash}{query}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_redirected_and_others_decoded() {
        for (path, outcome) in [
            ("/v1/agent/self", Ok("/v1/agent/self")),
            ("/v1/health/service/", Ok("/v1/health/service/")),
            ("/v1/health/service/a%20b", Ok("/v1/health/service/a b")),
            ("/", Ok("/")),
            ("/v1//agent/./self?x=1", Err("/v1/agent/self?x=1")),
            ("/v1/agent/../health/", Err("/v1/health/")),
            ("/v1/agent/check/pass/http://x", Err("/v1/agent/check/pass/http:/x")),
            ("//", Err("/")),
        ] {
            let uri: Uri = format!("http://h{path}").parse().unwrap();
            assert_eq!(plain(&uri).as_deref().map_err(String::as_str), outcome, "{path}");
        }
    }
}
