//! The page and its assets.

use crate::rig::start;
use http::Method;

#[tokio::test]
async fn page_carries_token_and_strict_headers() {
    let rig = start().await;
    let page = rig.send(Method::GET, "/", &[], "").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["cache-control"], "no-store");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    let token = rig.token().await;
    assert_eq!(token.len(), 32);
    let other = start().await;
    assert_ne!(other.token().await, token);
}

#[tokio::test]
async fn assets_have_types_and_tags() {
    let rig = start().await;
    for (name, media_type) in [
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let path = format!("/assets/{name}");
        let asset = rig.send(Method::GET, &path, &[], "").await;
        assert_eq!(
            (asset.status().as_u16(), asset.headers()["content-type"].to_str().unwrap()),
            (200, media_type)
        );
        let tag = asset.headers()["etag"].to_str().unwrap().to_owned();
        let again = rig.send(Method::GET, &path, &[("if-none-match", &format!("\"x\", W/{tag}"))], "").await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0), "{name}");
        let changed = rig.send(Method::GET, &path, &[("if-none-match", "\"x\"")], "").await;
        assert_eq!(changed.status(), 200);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_have_errors_as_json() {
    let rig = start().await;
    for (method, path, status) in [
        (Method::GET, "/assets/other.js", 404),
        (Method::GET, "/assets/..%2fCargo.toml", 404),
        (Method::GET, "/other", 404),
        (Method::GET, "/api/other", 404),
        (Method::GET, "/api/traces?limit=x", 400),
        (Method::GET, "/api/traces?status=bad", 400),
        (Method::GET, "/api/traces?order=best", 400),
        (Method::GET, "/api/traces?minDurationMs=-1", 400),
        (Method::GET, "/api/traces?minDurationMs=NaN", 400),
        (Method::GET, "/api/traces?unknown=1", 400),
        (Method::GET, "/api/traces/xyz", 400),
        (Method::GET, "/api/traces/+0000000000000000000000000000001", 400),
        (Method::GET, "/api/logs?level=loud", 400),
        (Method::GET, "/api/logs?traceId=1", 400),
    ] {
        let response = rig.send(method, path, &[], "").await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert!(crate::rig::json(&response)["error"].is_string(), "{path}");
    }
    let token = rig.token().await;
    let post = rig.send(Method::POST, "/api/system", &[("x-console-token", &token)], "").await;
    assert_eq!(post.status(), 405);
}
