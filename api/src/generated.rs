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

/// The services again, with the nouns of their answers as bytes.
pub(crate) mod encoded {
    /// The metadata service.
    pub mod metadata {
        /// Its first version.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/encoded/metadata.v1.rs"));
        }
    }

    /// The rating service.
    pub mod rating {
        /// Its first version.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/encoded/rating.v1.rs"));
        }
    }

    /// The movie service.
    pub mod movie {
        /// Its first version.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/encoded/movie.v1.rs"));
        }
    }

    include!(concat!(env!("OUT_DIR"), "/encoded/_.rs"));
}
