//! Valid and invalid registration bodies.

use super::*;

fn refused(body: &str) -> String {
    let refusal = service(body.as_bytes()).unwrap_err();
    format!("{} {}", refusal.status.as_u16(), refusal.text)
}

#[test]
fn defaults_are_consuls() {
    let (web, checks) = service(br#"{"Name":"web","Check":null,"Checks":null} and more"#).unwrap();
    assert_eq!((web.id.as_str(), web.weights, web.port), ("web", (1, 1), 0));
    assert!(checks.is_empty() && web.tagged_addresses.is_empty());

    let (web, _) = service(br#"{"Name":"web","Address":"::1","Port":80}"#).unwrap();
    let tagged: Vec<_> = web.tagged_addresses.keys().collect();
    assert_eq!(tagged, ["lan_ipv6", "wan_ipv6"]);
}

#[test]
fn checks_are_named_after_service_and_numbered_if_several() {
    let (_, checks) = service(br#"{"Name":"web","ID":"web-1","Check":{"TTL":"10s"}}"#).unwrap();
    assert_eq!(checks[0].id, "service:web-1");
    assert_eq!(checks[0].name, "Service 'web' check");
    assert_eq!((checks[0].status, checks[0].ttl), (Status::Critical, Some(Duration::from_secs(10))));

    let body =
        br#"{"Name":"web","Check":{"TTL":1000000000},"Checks":[{"TTL":"2s","CheckID":"mine"},{"TTL":"3s"}]}"#;
    let (_, checks) = service(body).unwrap();
    let ids: Vec<_> = checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["service:web:1", "mine", "service:web:3"]);
    assert_eq!(checks[0].ttl, Some(Duration::from_secs(1)), "a bare number is nanoseconds");
}

#[test]
fn keys_match_in_any_case_and_in_consuls_snake_case() {
    let body = br#"{"name":"web","enable_tag_override":true,
        "check":{"ttl":"10s","deregister_critical_service_after":"1m","Status":"passing"}}"#;
    let (web, checks) = service(body).unwrap();
    assert!(web.enable_tag_override);
    assert_eq!(checks[0].deregister_after, Some(Duration::from_secs(60)));
    assert_eq!(checks[0].status, Status::Passing);
}

#[test]
fn invalid_registration_is_rejected_with_consuls_text() {
    for (body, answer) in [
        ("", "400 Request decode failed: EOF"),
        (r#"{"Name":"#, "400 Request decode failed: unexpected EOF"),
        ("x", "400 Request decode failed: invalid character 'x' looking for beginning of value"),
        ("{}", "400 Missing service name"),
        ("null", "400 Missing service name"),
        (r#"{"Name":"web","Foo":1}"#, r#"400 Request decode failed: json: unknown field "Foo""#),
        (
            r#"{"Name":"web","Check":{"check_id":"x"}}"#,
            r#"400 Request decode failed: json: unknown field "check_id""#,
        ),
        (r#"{"Name":"web","Address":"0.0.0.0"}"#, "400 Invalid service address"),
        (r#"{"Name":"web","Address":"::"}"#, "400 Invalid service address"),
        (r#"{"Name":"web","Check":{"Notes":"x"}}"#, "400 Invalid check: TTL must be > 0 for TTL checks"),
        (
            r#"{"Name":"web","Check":{"TTL":"1s","Interval":"1s"}}"#,
            "400 Invalid check: Interval and TTL cannot both be specified",
        ),
        (
            r#"{"Name":"web","Check":{"TTL":"1s","Status":"ok"}}"#,
            "400 Status for checks must 'passing', 'warning', 'critical'",
        ),
        (
            r#"{"Name":"web","Check":{"HTTP":"http://x/","Interval":"1s"}}"#,
            "501 The development agent does not support HTTP checks, only TTL checks",
        ),
    ] {
        assert_eq!(refused(body), answer, "{body}");
    }
    for (body, start) in [
        ("[]", "400 Request decode failed: json: cannot unmarshal array"),
        (r#"{"Name":"web","Port":"80"}"#, "400 Request decode failed: json: cannot unmarshal string"),
        (r#"{"Name":"web","Check":{"HTTP":"http://x/"}}"#, "400 Invalid check: Interval must be > 0"),
        (r#"{"Name":"web","Check":{"Args":["sh"],"Interval":"1s"}}"#, "500 Scripts are disabled"),
        (r#"{"Name":"web","Meta":{"consul-x":"1"}}"#, "400 Invalid Service Meta: "),
        (r#"{"Name":"web","Weights":{"Passing":0,"Warning":1}}"#, "400 Invalid Weights: "),
    ] {
        assert!(refused(body).starts_with(start), "{body}: {}", refused(body));
    }
    let text = refused(r#"{"Name":"web","Check":{"TTL":"10"}}"#);
    assert!(text.contains(r#"missing unit in duration "10""#), "{text}");
}

#[test]
fn update_requires_valid_status() {
    assert_eq!(update(br#"{"Status":"warning","Output":"x"}"#), Ok((Status::Warning, "x".to_owned())));
    for (body, text) in
        [(r#"{"Status":"ok"}"#, "Invalid check status: 'ok'"), ("{}", "Invalid check status: ''")]
    {
        assert_eq!(update(body.as_bytes()).unwrap_err(), Refusal::bad_request(text));
    }
}
