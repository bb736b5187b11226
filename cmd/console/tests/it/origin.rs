//! The console's buttons are a remote control: pages of other origins must not press them.

use crate::rig::{Rig, json, start};
use http::Method;

async fn status(rig: &Rig, method: Method, path: &str, headers: &[(&str, &str)]) -> u16 {
    let response = rig.send(method, path, headers, "{}").await;
    let status = response.status().as_u16();
    if status == 403 {
        assert!(json(&response)["error"].is_string());
        assert!(response.headers().contains_key("content-security-policy"));
    }
    status
}

#[tokio::test]
async fn name_that_resolves_to_this_machine_is_rejected() {
    let rig = start().await;
    let port = rig.address.port();
    // A page of evil.example whose name was rebound to 127.0.0.1 reads as its own origin.
    for host in [format!("evil.example:{port}"), format!("127.0.0.1:{}", port ^ 1), "evil.example".to_owned()]
    {
        for path in ["/", "/assets/app.js", "/api/system", "/api/events", "/api/faults", "/api/other"] {
            let origin = format!("http://{host}");
            let headers = [("host", host.as_str()), ("origin", origin.as_str())];
            assert_eq!(status(&rig, Method::GET, path, &headers).await, 403, "{host} {path}");
        }
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        // The client names the address in the URL, the Host header decides.
        assert_eq!(status(&rig, Method::GET, "/api/system", &[("host", &host)]).await, 200, "{host}");
    }
}

#[tokio::test]
async fn page_of_another_origin_can_not_post() {
    let rig = start().await;
    let token = rig.token().await;
    let own = format!("http://{}", rig.address);
    let with = |origin: &'static str| [("origin", origin), ("content-type", "text/plain")];
    for path in ["/api/faults", "/api/try"] {
        for origin in ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"] {
            assert_eq!(status(&rig, Method::POST, path, &with(origin)).await, 403, "{origin}");
            let headers = [("origin", origin), ("x-console-token", token.as_str())];
            assert_eq!(status(&rig, Method::POST, path, &headers).await, 403, "{origin} with the token");
        }
        assert_eq!(status(&rig, Method::POST, path, &[("origin", &own)]).await, 403, "without a token");
        let wrong = [("origin", own.as_str()), ("x-console-token", "0".repeat(32).leak() as &str)];
        assert_eq!(status(&rig, Method::POST, path, &wrong).await, 403, "with another token");
        let cross = [("sec-fetch-site", "cross-site"), ("x-console-token", token.as_str())];
        assert_eq!(status(&rig, Method::POST, path, &cross).await, 403, "from another site");
        let page = [
            ("origin", own.as_str()),
            ("x-console-token", token.as_str()),
            ("content-type", "application/json"),
        ];
        assert_eq!(status(&rig, Method::POST, path, &page).await, 422, "from the page");
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        assert_eq!(status(&rig, method.clone(), "/api/faults", &[]).await, 403, "{method}");
    }
}

#[tokio::test]
async fn another_site_can_not_read_by_embedding() {
    let rig = start().await;
    let headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
    assert_eq!(status(&rig, Method::GET, "/api/system", &headers).await, 403);
    // A link to the page is no attack.
    assert_eq!(status(&rig, Method::GET, "/", &[("sec-fetch-site", "cross-site")]).await, 200);
}
