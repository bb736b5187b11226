//! The short forms: a record's bare mean, and a rating put by query parameters alone.

use super::{Asked, record, store, user};
use api::json;
use axum::extract::State;
use axum::http::StatusCode;
use model::Timestamp;
use serde::Deserialize;
use service::Problem;
use service::extract::{Json, Query};
use std::sync::Arc;
use utoipa::IntoParams;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Mean {
    /// The record's id.
    id: String,
    /// The record's type.
    #[serde(rename = "type")]
    record_type: String,
}

/// Returns the mean of a record's ratings; short form.
#[utoipa::path(get, path = "/rating", params(Mean), responses((status = 200, body = f64)))]
pub(super) async fn get(
    State(state): State<Arc<Asked>>,
    Query(asked): Query<Mean>,
) -> Result<Json<f64>, Problem> {
    Ok(Json(state.controller.aggregate(record(asked.record_type, asked.id)?).await?.mean()))
}

/// Returns the mean of a record's ratings; shortest form.
#[utoipa::path(get, path = "/", params(Mean), responses((status = 200, body = f64)))]
pub(super) async fn shortest(state: State<Arc<Asked>>, asked: Query<Mean>) -> Result<Json<f64>, Problem> {
    get(state, asked).await
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Put {
    /// The record's id.
    id: String,
    /// The record's type.
    #[serde(rename = "type")]
    record_type: String,
    /// The user's id.
    user_id: String,
    /// A whole number, 1 to 10.
    value: i64,
}

/// Creates or replaces a user's rating of a record; short form.
#[utoipa::path(
    put, path = "/rating", params(Put),
    responses((status = 201, body = json::Rating), (status = 200, body = json::Rating))
)]
pub(super) async fn put(
    State(state): State<Arc<Asked>>,
    Query(asked): Query<Put>,
) -> Result<(StatusCode, Json<json::Rating>), Problem> {
    let record = record(asked.record_type, asked.id)?;
    let user = user(asked.user_id, "user_id")?;
    let body = json::PutRating { value: Some(asked.value), ..json::PutRating::default() };
    store(&state.controller, body.rating(record, user, Timestamp::now())?).await
}
