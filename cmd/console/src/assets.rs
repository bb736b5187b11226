//! The page and its assets, embedded in the program.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    /// The path at which it is served.
    pub(crate) path: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Its content.
    pub(crate) content: &'static [u8],
}

/// The page. `{{token}}` in it is replaced by the token of this start.
pub(crate) const INDEX: &str = include_str!("../page/index.html");

/// What the page loads.
pub(crate) const ASSETS: [Asset; 3] = [
    Asset {
        path: "/assets/app.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../page/assets/app.js"),
    },
    Asset {
        path: "/assets/app.css",
        media_type: "text/css; charset=utf-8",
        content: include_bytes!("../page/assets/app.css"),
    },
    Asset {
        path: "/assets/icon.svg",
        media_type: "image/svg+xml",
        content: include_bytes!("../page/assets/icon.svg"),
    },
];

/// Returns the entity tag of a content.
pub(crate) fn etag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut tag = "\"".to_owned();
    for byte in digest.iter().take(16) {
        // Writing to a string cannot fail.
        _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}
