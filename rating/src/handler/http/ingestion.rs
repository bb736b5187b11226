//! The status of ingestion over REST.

use super::Asked;
use api::json;
use axum::extract::State;
use service::extract::Json;
use std::sync::Arc;

/// Returns the status of Kafka ingestion in this instance of the service.
#[utoipa::path(get, path = "/v1/ingestion", responses((status = 200, body = json::Ingestion)))]
pub(super) async fn get(State(state): State<Arc<Asked>>) -> Json<json::Ingestion> {
    // Where no brokers are named nothing is amiss.
    let disabled = || json::Ingestion { ready: true, ..json::Ingestion::default() };
    Json(state.ingesting.as_ref().map_or_else(disabled, |ingesting| ingesting.report()))
}
