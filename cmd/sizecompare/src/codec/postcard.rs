//! The records for postcard: a format without names can't express omitted fields, so these types always
//! write all of them.

use crate::record;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A record with a form in which all fields are written.
pub trait Shape: Clone + From<Self::Whole> {
    /// The form.
    type Whole: From<Self> + Serialize + DeserializeOwned + 'static;
}

/// Defines a form with these fields and its conversions.
macro_rules! whole {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[doc = concat!("A [`record::", stringify!($name), "`], every field written.")]
        #[derive(Serialize, Deserialize)]
        pub struct $name {
            $($field: $type),+
        }

        impl From<record::$name> for $name {
            fn from(from: record::$name) -> Self {
                Self { $($field: from.$field.into()),+ }
            }
        }

        impl From<$name> for record::$name {
            fn from(from: $name) -> Self {
                Self { $($field: from.$field.into()),+ }
            }
        }

        impl Shape for record::$name {
            type Whole = $name;
        }
    };
}

whole!(Classic { id: String, title: String, description: String, director: String });
whole!(Metadata {
    id: String,
    title: String,
    description: String,
    director: String,
    release_year: Option<i32>,
    genres: Vec<String>,
    revision: i64,
});
// An aggregate omits nothing and is used unchanged.
whole!(Movie { metadata: Metadata, rating: Option<record::Aggregate>, partial: Vec<String> });
whole!(Movies { movies: Many });
whole!(Rating {
    user_id: String,
    record_id: String,
    record_type: String,
    value: i32,
    provider_id: Option<String>,
    rated_at: i64,
});

/// The movies of a list.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Many(Vec<Movie>);

impl From<Vec<record::Movie>> for Many {
    fn from(from: Vec<record::Movie>) -> Self {
        Self(from.into_iter().map(Into::into).collect())
    }
}

impl From<Many> for Vec<record::Movie> {
    fn from(from: Many) -> Self {
        from.0.into_iter().map(Into::into).collect()
    }
}
