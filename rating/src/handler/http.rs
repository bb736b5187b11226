//! Ratings over REST, with the short forms.

mod ingestion;
mod short;

use crate::controller::Controller;
use crate::ingester;
use api::json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use fault::Invalid;
use model::{Record, RecordId, RecordType, Timestamp, UserId};
use serde::Deserialize;
use service::Problem;
use service::extract::{Ids, Json, Path, Query, WrittenJson};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the routes ask: the controller, and ingestion where it runs.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) controller: Controller,
    pub(crate) ingesting: Option<Arc<ingester::Handle>>,
}

/// The service's REST routes.
pub(crate) fn routes(asked: Asked) -> Router {
    // Each worker counts clones of its own: counts that all workers write to would go from core to core.
    described().with_state(Arc::new(asked)).into()
}

/// The description of these routes.
pub(crate) fn document() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Arc<Asked>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(aggregate))
        .routes(routes!(batch_aggregates))
        .routes(routes!(get, put, delete))
        .routes(routes!(list_user_ratings))
        .routes(routes!(list_top))
        .routes(routes!(ingestion::get))
        .routes(routes!(short::get, short::put))
        .routes(routes!(short::shortest))
}

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Marquee rating", description = "Ratings and their aggregates."))]
struct Document;

fn record_type(text: String) -> Result<RecordType, Invalid> {
    RecordType::new(text).map_err(|broken| broken.at("type"))
}

fn record(of_type: String, id: String) -> Result<Record, Invalid> {
    let record_id = RecordId::new(id).map_err(|broken| broken.at("id"));
    Ok(Record { record_type: record_type(of_type)?, record_id: record_id? })
}

fn user(text: String, field: &str) -> Result<UserId, Invalid> {
    UserId::new(text).map_err(|broken| broken.at(field))
}

/// Returns the aggregate of a record's ratings.
#[utoipa::path(
    get, path = "/v1/ratings/{type}/{id}", params(("type" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = json::Aggregate), (status = 404, description = "The record has no ratings."))
)]
async fn aggregate(
    State(state): State<Arc<Asked>>,
    Path((of_type, id)): Path<(String, String)>,
) -> Result<WrittenJson, Problem> {
    let aggregate = state.controller.aggregate(record(of_type, id)?).await?;
    Ok(WrittenJson(aggregate.to_json::<json::Aggregate>()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Batch {
    /// Up to 500 ids, separated by commas.
    #[param(value_type = String)]
    ids: Ids,
}

/// Returns the aggregates of many records, in the order of the ids; records without ratings are omitted.
#[utoipa::path(
    get, path = "/v1/ratings/{type}", params(("type" = String, Path), Batch),
    responses((status = 200, body = json::AggregateList))
)]
async fn batch_aggregates(
    State(state): State<Arc<Asked>>,
    Path(of_type): Path<String>,
    Query(asked): Query<Batch>,
) -> Result<Json<json::AggregateList>, Problem> {
    let ids = json::ids(asked.ids.0)?;
    Ok(Json(state.controller.batch_aggregates(&record_type(of_type)?, &ids).await?.into()))
}

type OfUser = Path<(String, String, String)>;

fn key(Path((of_type, id, user_id)): OfUser) -> Result<(Record, UserId), Invalid> {
    Ok((record(of_type, id)?, user(user_id, "user")?))
}

/// Returns a user's rating of a record.
#[utoipa::path(
    get, path = "/v1/ratings/{type}/{id}/users/{user}",
    params(("type" = String, Path), ("id" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = json::Rating), (status = 404, description = "Not found."))
)]
async fn get(State(state): State<Arc<Asked>>, path: OfUser) -> Result<Json<json::Rating>, Problem> {
    let (record, user) = key(path)?;
    Ok(Json(state.controller.rating(record, user).await?.into()))
}

/// Creates or replaces a user's rating of a record.
#[utoipa::path(
    put, path = "/v1/ratings/{type}/{id}/users/{user}", request_body = json::PutRating,
    params(("type" = String, Path), ("id" = String, Path), ("user" = String, Path)),
    responses((status = 201, body = json::Rating), (status = 200, body = json::Rating))
)]
async fn put(
    State(state): State<Arc<Asked>>,
    path: OfUser,
    Json(body): Json<json::PutRating>,
) -> Result<(StatusCode, Json<json::Rating>), Problem> {
    let (record, user) = key(path)?;
    store(&state.controller, body.rating(record, user, Timestamp::now())?).await
}

async fn store(
    controller: &Controller,
    rating: model::Rating,
) -> Result<(StatusCode, Json<json::Rating>), Problem> {
    let (rating, created) = controller.put(rating).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(rating.into())))
}

/// Deletes a user's rating of a record.
#[utoipa::path(
    delete, path = "/v1/ratings/{type}/{id}/users/{user}",
    params(("type" = String, Path), ("id" = String, Path), ("user" = String, Path)),
    responses((status = 204, description = "Deleted."), (status = 404, description = "Not found."))
)]
async fn delete(State(state): State<Arc<Asked>>, path: OfUser) -> Result<StatusCode, Problem> {
    let (record, user) = key(path)?;
    state.controller.delete(record, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UserRatings {
    /// Lists only ratings of records of this type.
    #[serde(rename = "type")]
    record_type: Option<String>,
    /// 1 to 500, default 50.
    page_size: Option<i64>,
    /// The `nextPageToken` of the previous page.
    page_token: Option<String>,
}

/// Lists a user's ratings, newest first.
#[utoipa::path(
    get, path = "/v1/users/{user}/ratings", params(("user" = String, Path), UserRatings),
    responses((status = 200, body = json::RatingList))
)]
async fn list_user_ratings(
    State(state): State<Arc<Asked>>,
    Path(path): Path<String>,
    Query(asked): Query<UserRatings>,
) -> Result<Json<json::RatingList>, Problem> {
    let only = asked.record_type.map(record_type).transpose()?;
    let page = json::page(asked.page_size, asked.page_token)?;
    Ok(Json(state.controller.list_user_ratings(&user(path, "user")?, only.as_ref(), &page).await?.into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Top {
    /// The minimum number of ratings of a record; at least 1, default 10.
    min_count: Option<i64>,
    /// 1 to 500, default 50.
    page_size: Option<i64>,
    /// The `nextPageToken` of the previous page.
    page_token: Option<String>,
}

/// Lists the best rated records of a type, by weighted mean.
#[utoipa::path(
    get, path = "/v1/top/{type}", params(("type" = String, Path), Top),
    responses((status = 200, body = json::AggregateList))
)]
async fn list_top(
    State(state): State<Arc<Asked>>,
    Path(of_type): Path<String>,
    Query(asked): Query<Top>,
) -> Result<Json<json::AggregateList>, Problem> {
    let page = json::page(asked.page_size, asked.page_token)?;
    let min_count = json::min_count(asked.min_count)?;
    Ok(Json(state.controller.list_top(&record_type(of_type)?, min_count, &page).await?.into()))
}
