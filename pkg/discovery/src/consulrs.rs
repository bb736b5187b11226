//! The Consul registry through the crate consulrs: an option for users of this library under the feature
//! `consulrs`, which no program of this workspace offers. `docs/decisions/001-consul-client.md` explains why.

mod passing;

use crate::consul::ask::{Answer, Ask};
use crate::consul::config::DEREGISTER_AFTER;
use crate::consul::{Config, Registry};
use crate::registration::TTL;
use crate::registry::{Error, Instance};
use ::consulrs::api::ApiResponse;
use ::consulrs::api::check::common::AgentServiceCheck;
use ::consulrs::api::check::requests::TtlCheckUpdateRequest;
use ::consulrs::api::features::FeaturedEndpoint;
use ::consulrs::api::service::requests::RegisterServiceRequest;
use ::consulrs::client::{Client, ConsulClient, ConsulClientSettings};
use ::consulrs::error::ClientError;
use ::consulrs::{check, service};
use async_trait::async_trait;
use fault::Kind;
use passing::Passing;
use rustify::endpoint::Endpoint;
use std::sync::Arc;
use std::time::Duration;

/// Creates a client of the Consul in `config` like [`Registry::new`], but through consulrs: a CA file is trusted in
/// addition to the system's, redirects are followed, responses may have any size, and names must not contain
/// characters that a URL escapes.
///
/// # Errors
///
/// [`Kind::InvalidArgument`] if the URL, which must not be a `unix://` one, or the CA file can't be used.
pub fn registry(config: Config) -> Result<Registry, Error> {
    Ok(Registry::asking(Arc::new(Consulrs::new(&config)?), &config))
}

struct Consulrs(ConsulClient);

impl Consulrs {
    fn new(config: &Config) -> Result<Self, Error> {
        let address = match config.url.split_once("://") {
            None => format!("http://{}", config.url),
            Some(("http" | "https", _)) => config.url.clone(),
            Some(_) => {
                let text = format!("consulrs supports `http://` and `https://`, not `{}`", config.url);
                return Err(Error::new(Kind::InvalidArgument, text));
            }
        };
        let ca_certs = config.ca.iter().map(|file| file.display().to_string()).collect();
        // All settings are given: those left to the builder's default are read from the environment.
        let settings = ConsulClientSettings {
            address,
            ca_certs,
            client_cert: None,
            client_key: None,
            token: config.token.clone().filter(|token| !token.is_empty()),
            verify: true,
            version: 1,
        };
        let unusable =
            |error| Error::new(Kind::InvalidArgument, "could not set up consulrs").caused_by(error);
        ConsulClient::new(settings).map(Self).map_err(unusable)
    }
}

#[async_trait]
impl Ask for Consulrs {
    async fn register(&self, instance: &Instance) -> Result<Answer, Error> {
        let check = AgentServiceCheck {
            ttl: Some(format!("{}s", TTL.as_secs())),
            status: Some("passing".to_owned()),
            deregister_critical_service_after: Some(DEREGISTER_AFTER.to_owned()),
            ..AgentServiceCheck::default()
        };
        let mut request = RegisterServiceRequest::builder();
        request
            .id(plain(&instance.id)?)
            .address(&instance.host)
            .port(u64::from(instance.port))
            .tags(instance.tags.clone())
            .check(check);
        written(service::register(&self.0, &instance.service, Some(&mut request)).await)
    }

    async fn pass(&self, check: &str) -> Result<Answer, Error> {
        let mut request = TtlCheckUpdateRequest::builder();
        request.output("alive");
        written(check::set_status(&self.0, plain(check)?, "passing", Some(&mut request)).await)
    }

    async fn deregister(&self, id: &str) -> Result<Answer, Error> {
        written(service::deregister(&self.0, plain(id)?, None).await)
    }

    async fn passing(&self, service: &str, index: u64, wait: Duration) -> Result<Answer, Error> {
        let question = Passing::new(plain(service)?, index, wait);
        let middleware = self.0.middle(question.features());
        // Through rustify: consulrs drops the header that shows whether ACLs filtered the rows.
        match question.with_middleware(&middleware).exec(self.0.http()).await {
            Ok(result) => {
                let (head, body) = result.response.into_parts();
                let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
                Ok(Answer::new(head.status.as_u16(), header, body))
            }
            Err(rustify::errors::ClientError::ServerResponseError { code, content }) => {
                refused(ClientError::APIError { code, message: content })
            }
            Err(error) => refused(error.into()),
        }
    }
}

/// Rejects names that need escaping in a path: consulrs escapes a path twice.
fn plain(name: &str) -> Result<&str, Error> {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:".contains(c)) {
        Ok(name)
    } else {
        let text = format!(
            "consulrs does not support the name `{name}`: only letters, digits, `-`, `.`, `_`, `~` and `:` are allowed"
        );
        Err(Error::new(Kind::InvalidArgument, text))
    }
}

/// Returns the result of a write, whose body is empty.
fn written(outcome: Result<ApiResponse<()>, ClientError>) -> Result<Answer, Error> {
    match outcome {
        Ok(_) => Ok(Answer { status: 200, ..Answer::default() }),
        Err(error) => refused(error),
    }
}

fn refused(error: ClientError) -> Result<Answer, Error> {
    match error {
        ClientError::APIError { code, message } => {
            let body = message.unwrap_or_default().into_bytes();
            Ok(Answer { status: code, body, ..Answer::default() })
        }
        error => Err(Error::new(Kind::Unavailable, "the request to consul failed").caused_by(error)),
    }
}
