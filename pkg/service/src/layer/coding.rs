//! The codings of a request's body. Handlers read bodies as they arrive, so only codings that change nothing are
//! accepted.

use crate::Problem;
use http::{HeaderMap, HeaderName, header};

/// Checks the codings of a request that has a body.
///
/// # Errors
///
/// 415 for a content coding other than `identity` (RFC 9110, section 15.5.16), 501 for a transfer coding other than
/// `chunked` (RFC 9112, section 6.1).
pub(crate) fn check_codings(headers: &HeaderMap) -> Result<(), Problem> {
    if codings(headers, &header::CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::unsupported_content_coding());
    }
    if codings(headers, &header::TRANSFER_ENCODING).any(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(Problem::unsupported_transfer_coding());
    }
    Ok(())
}

/// Returns the codings in all lines of a header. The list may have empty elements.
fn codings<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.filter(|coding| !coding.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, StatusCode};
    use proptest::prelude::*;

    fn refused(name: &HeaderName, lines: &[impl AsRef<str>]) -> Option<StatusCode> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_str(line.as_ref()).unwrap());
        }
        check_codings(&headers).err().map(|problem| problem.status())
    }

    #[test]
    fn only_identity_and_chunked_are_accepted() {
        for (lines, accepted) in [
            (&[][..], true),
            (&[""], true),
            (&[" , ,"], true),
            (&["identity"], true),
            (&["Identity,IDENTITY", "identity"], true),
            (&["gzip"], false),
            (&["GZIP"], false),
            (&["gzip, identity"], false),
            (&["identity, gzip"], false),
            (&["identity", "br"], false),
            (&["identity;q=1"], false),
            (&["identityx"], false),
            (&["aes128gcm"], false),
        ] {
            let expected = (!accepted).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(refused(&header::CONTENT_ENCODING, lines), expected, "{lines:?}");
        }
        for (lines, accepted) in [
            (&["chunked"][..], true),
            (&["Chunked"], true),
            (&["gzip, chunked"], false),
            (&["gzip", "chunked"], false),
        ] {
            let expected = (!accepted).then_some(StatusCode::NOT_IMPLEMENTED);
            assert_eq!(refused(&header::TRANSFER_ENCODING, lines), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn list_is_accepted_if_every_coding_is_identity(
            codings in proptest::collection::vec("identity|IDENTITY|Identity||gzip|[a-z]{1,9}", 1..6),
            split in any::<u8>(),
        ) {
            let accepted = codings.iter().all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"));
            let (first, second) = codings.split_at(usize::from(split) % codings.len());
            let lines = [first.join(" , "), second.join(",")];
            prop_assert_eq!(refused(&header::CONTENT_ENCODING, &lines).is_none(), accepted);
        }
    }
}
