//! The protocol that a request's content type selects: gRPC, grpc-web, or REST for every other type.

use crate::Problem;
use http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use mediatype::MediaType;

/// The start of all content types of gRPC and of protocols derived from it.
const GRPC: &[u8] = b"application/grpc";

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rest,
    Grpc,
    GrpcWeb(Web),
}

/// The encoding of grpc-web messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Web {
    Binary,
    /// Base64.
    Text,
}

impl Web {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        }
    }

    /// Rewrites the headers of a request as tonic-web compares them: without parameters and in lower case. The response
    /// has the encoding of the request.
    pub(super) fn normalize(self, headers: &mut HeaderMap) {
        for name in [header::CONTENT_TYPE, header::ACCEPT] {
            headers.insert(name, HeaderValue::from_static(self.media_type()));
        }
    }
}

/// Returns the protocol of `request`.
///
/// # Errors
///
/// 415 if the content type starts like one of gRPC and is not served, or is given more than once.
pub(super) fn protocol<B>(request: &Request<B>) -> Result<Protocol, Problem> {
    let mut given = request.headers().get_all(header::CONTENT_TYPE).iter();
    let Some(content_type) = given.next() else { return Ok(Protocol::Rest) };
    if given.next().is_some() {
        return Err(Problem::unsupported_media_type("the content type must be given once"));
    }
    let start = content_type.as_bytes().get(..GRPC.len());
    if !start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC)) {
        return Ok(Protocol::Rest);
    }
    let protocol = grpc(content_type).ok_or_else(|| {
        Problem::unsupported_media_type(
            "gRPC is served as application/grpc, application/grpc-web or application/grpc-web-text, each with or \
             without +proto",
        )
    })?;
    if request.method() != Method::POST {
        return Err(Problem::unsupported_media_type("gRPC is served by POST requests"));
    }
    if protocol == Protocol::Grpc && request.version() < Version::HTTP_2 {
        return Err(Problem::unsupported_media_type(
            "gRPC is served over HTTP/2, grpc-web over HTTP/1.1 as well",
        ));
    }
    Ok(protocol)
}

/// Returns the protocol of a content type that starts like one of gRPC.
fn grpc(content_type: &HeaderValue) -> Option<Protocol> {
    if content_type.as_bytes() == GRPC {
        return Some(Protocol::Grpc);
    }
    let media = MediaType::parse(content_type.to_str().ok()?).ok()?;
    if media.suffix.is_some_and(|suffix| suffix != *"proto") {
        return None;
    }
    [
        ("grpc", Protocol::Grpc),
        ("grpc-web", Protocol::GrpcWeb(Web::Binary)),
        ("grpc-web-text", Protocol::GrpcWeb(Web::Text)),
    ]
    .into_iter()
    .find_map(|(subtype, protocol)| (media.subty == *subtype).then_some(protocol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spoken(version: Version, method: Method, content_types: &[&str]) -> Option<Protocol> {
        let mut request = Request::builder().method(method).version(version);
        for content_type in content_types {
            request = request.header(header::CONTENT_TYPE, *content_type);
        }
        protocol(&request.body(()).unwrap()).ok()
    }

    #[test]
    fn content_type_of_grpc_is_served_or_rejected() {
        const BINARY: Option<Protocol> = Some(Protocol::GrpcWeb(Web::Binary));
        const TEXT: Option<Protocol> = Some(Protocol::GrpcWeb(Web::Text));
        for (content_type, expected) in [
            ("application/grpc", Some(Protocol::Grpc)),
            ("application/grpc+proto", Some(Protocol::Grpc)),
            ("APPLICATION/gRPC+Proto", Some(Protocol::Grpc)),
            ("application/grpc; x=y", Some(Protocol::Grpc)),
            ("application/grpc+proto;x=\"a;b\" ; y=z;", Some(Protocol::Grpc)),
            ("application/grpc-web", BINARY),
            ("application/grpc-web+proto", BINARY),
            ("Application/GRPC-Web; charset=utf-8", BINARY),
            ("application/grpc-web-text", TEXT),
            ("application/grpc-web-text+proto;a=b", TEXT),
            ("application/grpc+json", None),
            ("application/grpc+", None),
            ("application/grpc+proto+x", None),
            ("application/grpc-web+json", None),
            ("application/grpc-web-text+thrift", None),
            ("application/grpc-webx", None),
            ("application/grpcfoo", None),
            ("application/grpc foo", None),
            ("application/grpc/x", None),
            ("application/grpc, application/grpc", None),
            ("application/grpc; x", None),
            ("application/json", Some(Protocol::Rest)),
            ("text/application/grpc", Some(Protocol::Rest)),
            ("application/grp", Some(Protocol::Rest)),
            ("", Some(Protocol::Rest)),
        ] {
            assert_eq!(spoken(Version::HTTP_2, Method::POST, &[content_type]), expected, "{content_type}");
            let http1 = expected.filter(|protocol| *protocol != Protocol::Grpc);
            assert_eq!(spoken(Version::HTTP_11, Method::POST, &[content_type]), http1, "{content_type}");
            let rest = expected.filter(|protocol| *protocol == Protocol::Rest);
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                assert_eq!(spoken(Version::HTTP_2, method, &[content_type]), rest, "{content_type}");
            }
        }
    }

    #[test]
    fn second_content_type_is_rejected() {
        for types in
            [["application/grpc"; 2], ["application/json", "application/grpc"], ["application/json"; 2]]
        {
            assert_eq!(spoken(Version::HTTP_2, Method::POST, &types), None, "{types:?}");
        }
        assert_eq!(spoken(Version::HTTP_2, Method::POST, &[]), Some(Protocol::Rest));
    }

    proptest! {
        /// Whatever follows the common start, only the two types of gRPC are gRPC.
        #[test]
        fn nothing_else_with_this_start_is_grpc(rest in "[ -~]{0,12}") {
            let content_type = format!("application/grpc{rest}");
            let essence = content_type.split(';').next().unwrap().trim_ascii_end().to_ascii_lowercase();
            let expected = ["application/grpc", "application/grpc+proto"].contains(&&*essence);
            let spoken = spoken(Version::HTTP_2, Method::POST, &[&content_type]);
            prop_assert!(spoken != Some(Protocol::Rest), "{}", content_type);
            prop_assert!(spoken != Some(Protocol::Grpc) || expected, "{}", content_type);
        }

        #[test]
        fn parameters_and_case_do_not_matter(
            upper in any::<u32>(), name in "[a-z][a-z0-9-]{0,8}", value in "[ !#-\\[\\]-~]{0,8}", proto in any::<bool>(),
        ) {
            let essence = if proto { "application/grpc+proto" } else { "application/grpc" };
            let essence: String = essence.chars().enumerate().map(|(at, letter)| {
                if upper >> (at % 32) & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
            }).collect();
            let content_type = format!("{essence} ; {name}=\"{value}\"");
            prop_assert_eq!(spoken(Version::HTTP_2, Method::POST, &[&content_type]), Some(Protocol::Grpc));
        }
    }
}
