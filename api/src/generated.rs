//! What the build generates from `proto/`, in the module tree that the generated paths expect.

#![expect(missing_docs, reason = "generated code")]

/// The metadata service.
pub mod metadata {
    /// Its first version.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/metadata.v1.rs"));
    }
}

/// The rating service.
pub mod rating {
    /// Its first version.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/rating.v1.rs"));
    }
}

/// The movie service.
pub mod movie {
    /// Its first version.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/movie.v1.rs"));
    }
}

include!(concat!(env!("OUT_DIR"), "/_.rs"));
