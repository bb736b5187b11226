//! gRPC's health protocol. All services of a port, and the server as a whole, have the same status.
//!
//! tonic-health's own service ends a watch of an unknown service with NOT_FOUND, where the protocol asks for a stream
//! that begins with SERVICE_UNKNOWN and stays open.

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch::{Receiver, Sender, channel};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// The writer of the status; when it is dropped, all watches end.
pub(crate) struct Reporter(Sender<ServingStatus>);

/// The health service: the status of these services, whose names do not change while the server runs.
#[derive(Clone)]
pub(crate) struct Service {
    names: &'static [&'static str],
    status: Receiver<ServingStatus>,
}

/// Creates the health service for the gRPC services `names` and the server as a whole, which are serving.
pub(crate) fn reporter(names: &'static [&'static str]) -> (Reporter, HealthServer<Service>) {
    let (sender, status) = channel(ServingStatus::Serving);
    (Reporter(sender), HealthServer::new(Service { names, status }))
}

impl Reporter {
    /// Reports from now on that nothing is serving.
    pub(crate) fn not_serving(&self) {
        self.0.send_replace(ServingStatus::NotServing);
    }

    /// Ends all watches.
    pub(crate) fn end_watches(self) {}
}

impl Service {
    /// Returns true if `name` is one of the services or the server as a whole.
    fn has(&self, name: &str) -> bool {
        name.is_empty() || self.names.contains(&name)
    }

    /// Returns the status and its changes, until the reporter ends.
    fn statuses(&self, known: bool) -> impl futures::Stream<Item = ServingStatus> + use<> {
        let mut status = self.status.clone();
        status.mark_changed();
        stream::unfold((status, true), move |(mut status, first)| async move {
            if first && !known {
                return Some((ServingStatus::ServiceUnknown, (status, false)));
            }
            while status.changed().await.is_ok() {
                if known {
                    let current = *status.borrow_and_update();
                    return Some((current, (status, false)));
                }
            }
            None
        })
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for Service {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.has(&request.get_ref().service) {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(response(*self.status.borrow())))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    /// The status of an unknown service never changes: all services are added before the server starts.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let statuses = self.statuses(self.has(&request.get_ref().service));
        Ok(Response::new(statuses.map(|status| Ok(response(status))).boxed()))
    }
}
