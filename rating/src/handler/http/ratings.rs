//! The ratings of users.

use super::params::{record, record_type, user};
use super::state::AppState;
use crate::controller::Controller;
use api::json::{self, schema};
use axum::extract::State;
use axum::http::StatusCode;
use fault::Invalid;
use model::{Record, Timestamp, UserId};
use serde::Deserialize;
use service::Problem;
use service::extract::{Json, Path, Query};
use std::sync::Arc;
use utoipa::IntoParams;

type OfUser = Path<(String, String, String)>;

fn key(Path((of_type, id, user_id)): OfUser) -> Result<(Record, UserId), Invalid> {
    Ok((record(of_type, id)?, user(user_id, "user")?))
}

/// A user's rating of a record.
#[utoipa::path(
    get, path = "/v1/ratings/{type}/{id}/users/{user}", operation_id = "getRating", tag = "ratings",
    params(
        ("type" = inline(schema::RecordType), Path, description = "The record's type."),
        ("id" = inline(schema::RecordId), Path, description = "The record's id."),
        ("user" = inline(schema::UserId), Path, description = "The user's id.")
    ),
    responses(
        (status = 200, description = "The rating.", body = json::Rating),
        (status = 404, description = "The user has not rated the record.")
    )
)]
pub(super) async fn get_rating(
    State(state): State<Arc<AppState>>,
    path: OfUser,
) -> Result<Json<json::Rating>, Problem> {
    let (record, user) = key(path)?;
    Ok(Json(state.controller.get_rating(record, user).await?.into()))
}

/// Stores a user's rating of a record, replacing the previous one.
#[utoipa::path(
    put, path = "/v1/ratings/{type}/{id}/users/{user}", operation_id = "putRating", tag = "ratings",
    params(
        ("type" = inline(schema::RecordType), Path, description = "The record's type."),
        ("id" = inline(schema::RecordId), Path, description = "The record's id."),
        ("user" = inline(schema::UserId), Path, description = "The user's id.")
    ),
    request_body = json::PutRating,
    responses(
        (status = 201, description = "The rating is created.", body = json::Rating),
        (status = 200, description = "The rating is replaced.", body = json::Rating)
    )
)]
pub(super) async fn put_rating(
    State(state): State<Arc<AppState>>,
    path: OfUser,
    Json(body): Json<json::PutRating>,
) -> Result<(StatusCode, Json<json::Rating>), Problem> {
    let (record, user) = key(path)?;
    put(&state.controller, body.rating(record, user, Timestamp::now())?).await
}

/// Stores `rating`; the status is 201 if the user had not rated the record before.
pub(super) async fn put(
    controller: &Controller,
    rating: model::Rating,
) -> Result<(StatusCode, Json<json::Rating>), Problem> {
    let (rating, created) = controller.put_rating(rating).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(rating.into())))
}

/// Deletes a user's rating of a record.
#[utoipa::path(
    delete, path = "/v1/ratings/{type}/{id}/users/{user}", operation_id = "deleteRating", tag = "ratings",
    params(
        ("type" = inline(schema::RecordType), Path, description = "The record's type."),
        ("id" = inline(schema::RecordId), Path, description = "The record's id."),
        ("user" = inline(schema::UserId), Path, description = "The user's id.")
    ),
    responses(
        (status = 204, description = "The rating is deleted."),
        (status = 404, description = "The user has not rated the record.")
    )
)]
pub(super) async fn delete_rating(
    State(state): State<Arc<AppState>>,
    path: OfUser,
) -> Result<StatusCode, Problem> {
    let (record, user) = key(path)?;
    state.controller.delete_rating(record, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UserRatings {
    /// Lists only ratings of records of this type.
    #[serde(rename = "type")]
    #[param(value_type = Option<schema::RecordType>, inline)]
    record_type: Option<String>,
    /// 1 to 500; 50 if absent.
    #[param(value_type = Option<schema::PageSize>, inline)]
    page_size: Option<i64>,
    /// `nextPageToken` of the previous page.
    #[param(value_type = Option<schema::PageToken>, inline)]
    page_token: Option<String>,
}

/// A user's ratings, newest first.
#[utoipa::path(
    get, path = "/v1/users/{user}/ratings", operation_id = "listUserRatings", tag = "ratings",
    params(("user" = inline(schema::UserId), Path, description = "The user's id."), UserRatings),
    responses((status = 200, description = "The ratings.", body = json::RatingList))
)]
pub(super) async fn list_user_ratings(
    State(state): State<Arc<AppState>>,
    Path(path): Path<String>,
    Query(query): Query<UserRatings>,
) -> Result<Json<json::RatingList>, Problem> {
    let only = query.record_type.map(record_type).transpose()?;
    let page = json::page(query.page_size, query.page_token)?;
    Ok(Json(state.controller.list_user_ratings(&user(path, "user")?, only.as_ref(), &page).await?.into()))
}
