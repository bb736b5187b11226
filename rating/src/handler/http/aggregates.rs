//! The aggregates of records, and the top rated records.

use super::params::{record, record_type};
use super::state::AppState;
use api::json::{self, schema};
use axum::extract::State;
use serde::Deserialize;
use service::Problem;
use service::extract::{Ids, Json, Path, Query};
use std::sync::Arc;
use utoipa::IntoParams;

/// The aggregate of a record's ratings.
#[utoipa::path(
    get, path = "/v1/ratings/{type}/{id}", operation_id = "getAggregatedRating", tag = "ratings",
    params(
        ("type" = inline(schema::RecordType), Path, description = "The record's type."),
        ("id" = inline(schema::RecordId), Path, description = "The record's id.")
    ),
    responses(
        (status = 200, description = "The aggregate.", body = json::Aggregate),
        (status = 404, description = "The record has no rating.")
    )
)]
pub(super) async fn get_aggregate(
    State(state): State<Arc<AppState>>,
    Path((of_type, id)): Path<(String, String)>,
) -> Result<Json<json::Aggregate>, Problem> {
    let aggregate = state.controller.get_aggregate(record(of_type, id)?).await?;
    Ok(Json((&*aggregate).into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Batch {
    /// Up to 500 ids, separated by commas.
    #[param(value_type = Vec<schema::RecordId>, inline, style = Form, explode = false, min_items = 1, max_items = 500)]
    ids: Ids,
}

/// The aggregates of many records, in the order of the ids. Records without a rating are left out.
#[utoipa::path(
    get, path = "/v1/ratings/{type}", operation_id = "batchGetAggregatedRatings", tag = "ratings",
    params(("type" = inline(schema::RecordType), Path, description = "The record's type."), Batch),
    responses((status = 200, description = "The aggregates.", body = json::AggregateList))
)]
pub(super) async fn batch_get_aggregates(
    State(state): State<Arc<AppState>>,
    Path(of_type): Path<String>,
    Query(query): Query<Batch>,
) -> Result<Json<json::AggregateList>, Problem> {
    let ids = json::ids(query.ids.0)?;
    Ok(Json(state.controller.batch_get_aggregates(&record_type(of_type)?, &ids).await?.into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Top {
    /// The minimum number of ratings of a record, at least 1; 10 if absent.
    #[param(value_type = Option<schema::MinCount>, inline)]
    min_count: Option<i64>,
    /// 1 to 500; 50 if absent.
    #[param(value_type = Option<schema::PageSize>, inline)]
    page_size: Option<i64>,
    /// `nextPageToken` of the previous page.
    #[param(value_type = Option<schema::PageToken>, inline)]
    page_token: Option<String>,
}

/// The top rated records of a type, by descending weighted mean.
#[utoipa::path(
    get, path = "/v1/top/{type}", operation_id = "listTopRated", tag = "ratings",
    params(("type" = inline(schema::RecordType), Path, description = "The record's type."), Top),
    responses((status = 200, description = "The aggregates.", body = json::AggregateList))
)]
pub(super) async fn list_top_rated(
    State(state): State<Arc<AppState>>,
    Path(of_type): Path<String>,
    Query(query): Query<Top>,
) -> Result<Json<json::AggregateList>, Problem> {
    let page = json::page(query.page_size, query.page_token)?;
    let min_count = json::min_count(query.min_count)?;
    Ok(Json(state.controller.list_top_rated(&record_type(of_type)?, min_count, &page).await?.into()))
}
