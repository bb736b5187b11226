//! How the ingestion of events stands.

use super::Ingesting;
use api::json;
use axum::extract::State;
use service::extract::Json;

/// How the ingestion of events from Kafka stands in this instance of the service.
#[utoipa::path(get, path = "/v1/ingestion", responses((status = 200, body = json::Ingestion)))]
pub(super) async fn get(State(Ingesting(ingesting)): State<Ingesting>) -> Json<json::Ingestion> {
    // Where no brokers are named nothing is amiss.
    let disabled = || json::Ingestion { ready: true, ..json::Ingestion::default() };
    Json(ingesting.map_or_else(disabled, |ingesting| ingesting.report()))
}
