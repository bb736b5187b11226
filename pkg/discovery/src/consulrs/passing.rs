//! `GET /v1/health/service/:name` as a rustify endpoint, which consulrs lacks.

use ::consulrs::api::Features;
use ::consulrs::api::features::{Blocking, FeaturedEndpoint};
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::de::IgnoredAny;
use std::time::Duration;

/// Queries the passing instances of a service, as a blocking query.
pub(super) struct Passing {
    service: String,
    features: Features,
}

impl Passing {
    pub(super) fn new(service: &str, index: u64, wait: Duration) -> Self {
        let blocking = Blocking { index, wait: Some(format!("{}ms", wait.as_millis())) };
        let features = Features { blocking: Some(blocking), ..Features::default() };
        Self { service: service.to_owned(), features }
    }
}

impl Endpoint for Passing {
    /// The body is decoded by the decoder that all transports share.
    type Response = IgnoredAny;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        format!("health/service/{}", self.service)
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(Some("passing=1".to_owned()))
    }
}

impl FeaturedEndpoint for Passing {
    fn features(&self) -> Option<Features> {
        Some(self.features.clone())
    }
}
