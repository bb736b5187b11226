//! The short forms: the mean of a record's ratings as a bare number, and a rating put by query parameters alone.

use super::params::{record, user};
use super::ratings::put;
use super::state::AppState;
use api::json::{self, schema};
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
    #[param(value_type = schema::RecordId, inline)]
    id: String,
    /// The record's type.
    #[serde(rename = "type")]
    #[param(value_type = schema::RecordType, inline)]
    record_type: String,
}

/// The mean of a record's ratings (short form).
#[utoipa::path(
    get, path = "/rating", operation_id = "getMeanRating", tag = "ratings", params(Mean),
    responses(
        (status = 200, description = "The mean.", content_type = "application/json", body = inline(schema::Mean)),
        (status = 404, description = "The record has no rating.")
    )
)]
pub(super) async fn get_mean(
    State(state): State<Arc<AppState>>,
    Query(query): Query<Mean>,
) -> Result<Json<f64>, Problem> {
    Ok(Json(state.controller.get_aggregate(record(query.record_type, query.id)?).await?.mean()))
}

/// The mean of a record's ratings (shortest form).
#[utoipa::path(
    get, path = "/", operation_id = "getMeanRatingAtRoot", tag = "ratings", params(Mean),
    responses(
        (status = 200, description = "The mean.", content_type = "application/json", body = inline(schema::Mean)),
        (status = 404, description = "The record has no rating.")
    )
)]
pub(super) async fn get_mean_at_root(
    state: State<Arc<AppState>>,
    query: Query<Mean>,
) -> Result<Json<f64>, Problem> {
    get_mean(state, query).await
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Put {
    /// The record's id.
    #[param(value_type = schema::RecordId, inline)]
    id: String,
    /// The record's type.
    #[serde(rename = "type")]
    #[param(value_type = schema::RecordType, inline)]
    record_type: String,
    /// The user's id.
    #[param(value_type = schema::UserId, inline)]
    user_id: String,
    /// A whole number, 1 to 10.
    #[param(value_type = schema::RatingValue, inline)]
    value: i64,
}

/// Stores a user's rating of a record (short form).
#[utoipa::path(
    put, path = "/rating", operation_id = "putRatingShort", tag = "ratings", params(Put),
    responses(
        (status = 201, description = "The rating is created.", body = json::Rating),
        (status = 200, description = "The rating is replaced.", body = json::Rating)
    )
)]
pub(super) async fn put_rating_short(
    State(state): State<Arc<AppState>>,
    Query(query): Query<Put>,
) -> Result<(StatusCode, Json<json::Rating>), Problem> {
    let record = record(query.record_type, query.id)?;
    let user = user(query.user_id, "user_id")?;
    let body = json::PutRating { value: Some(query.value), ..json::PutRating::default() };
    put(&state.controller, body.rating(record, user, Timestamp::now())?).await
}
