//! Metadata over REST, with the short forms.

use crate::controller::Controller;
use api::json::{self, schema};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use fault::Invalid;
use model::{Metadata, RecordId};
use serde::Deserialize;
use service::Problem;
use service::extract::{Ids, Json, Path, PreSerialized, Query};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

// Responses hold records of the domain: they serialize to the JSON of `json::Metadata`, without a copy of their texts.

/// Returns the service's REST routes.
pub(crate) fn routes(controller: Controller) -> Router {
    // One `Arc` per worker: axum clones the state for each request, and reference counts that all workers share would
    // move between the cores' caches.
    described().with_state(Arc::new(controller)).into()
}

/// Returns the OpenAPI description of these routes.
pub(crate) fn document() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Arc<Controller>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(get, put, delete))
        .routes(routes!(list))
        .routes(routes!(batch_put))
        .routes(routes!(short))
        .routes(routes!(shortest))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Marquee metadata", description = "Movie metadata."),
    tags((name = "metadata", description = "The metadata of movies."))
)]
struct Document;

fn id(text: String) -> Result<RecordId, Invalid> {
    RecordId::new(text).map_err(|broken| broken.at("id"))
}

/// Returns a movie's metadata.
#[utoipa::path(
    get, path = "/v1/metadata/{id}", operation_id = "getMetadata", tag = "metadata",
    params(("id" = inline(schema::RecordId), Path, description = "The movie's id.")),
    responses(
        (status = 200, description = "The movie's metadata.", body = json::Metadata),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn get(
    State(controller): State<Arc<Controller>>,
    Path(path): Path<String>,
) -> Result<PreSerialized, Problem> {
    Ok(PreSerialized::new(&*controller.get(&id(path)?).await?))
}

/// Creates or replaces a movie's metadata.
#[utoipa::path(
    put, path = "/v1/metadata/{id}", operation_id = "putMetadata", tag = "metadata",
    params(("id" = inline(schema::RecordId), Path, description = "The movie's id.")),
    request_body = json::PutMetadata,
    responses(
        (status = 201, description = "The metadata is created.", body = json::Metadata),
        (status = 200, description = "The metadata is replaced.", body = json::Metadata)
    )
)]
async fn put(
    State(controller): State<Arc<Controller>>,
    Path(path): Path<String>,
    Json(body): Json<json::PutMetadata>,
) -> Result<(StatusCode, Json<Arc<Metadata>>), Problem> {
    let put = controller.put(body.under(id(path)?)?).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(put.metadata)))
}

/// Deletes a movie's metadata.
#[utoipa::path(
    delete, path = "/v1/metadata/{id}", operation_id = "deleteMetadata", tag = "metadata",
    params(("id" = inline(schema::RecordId), Path, description = "The movie's id.")),
    responses(
        (status = 204, description = "The metadata is deleted."),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn delete(
    State(controller): State<Arc<Controller>>,
    Path(path): Path<String>,
) -> Result<StatusCode, Problem> {
    controller.delete(&id(path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Up to 500 ids, separated by commas. Returns their records in this order. Excludes the other parameters.
    #[param(value_type = Option<Vec<schema::RecordId>>, inline, style = Form, explode = false, min_items = 1, max_items = 500)]
    ids: Option<Ids>,
    /// Words of the title or prefixes of them; best match first. If empty or absent, all records are listed by id.
    /// If nothing matches, words of five letters or more may have one typo, and the response has `corrected`.
    #[param(value_type = Option<schema::Query>, inline)]
    query: Option<String>,
    /// 1 to 500, default 50.
    #[param(value_type = Option<schema::PageSize>, inline)]
    page_size: Option<i64>,
    /// The `nextPageToken` of the previous page.
    #[param(value_type = Option<schema::PageToken>, inline)]
    page_token: Option<String>,
}

/// Lists metadata: by ids, by a query, or all of it.
#[utoipa::path(
    get, path = "/v1/metadata", operation_id = "listMetadata", tag = "metadata", params(List),
    responses((status = 200, description = "The records.", body = json::MetadataList))
)]
async fn list(
    State(controller): State<Arc<Controller>>,
    Query(parameters): Query<List>,
) -> Result<Json<json::MetadataList<Arc<Metadata>>>, Problem> {
    if let Some(ids) = parameters.ids {
        if parameters.query.is_some() || parameters.page_size.is_some() || parameters.page_token.is_some() {
            return Err(Problem::invalid("ids", "must not be combined with other parameters"));
        }
        let found = controller.batch_get(&json::ids(ids.0)?).await?;
        return Ok(Json(found.into()));
    }
    let page = json::page(parameters.page_size, parameters.page_token)?;
    let found = match parameters.query {
        Some(query) => controller.search(&query, &page).await?,
        None => controller.list(&page).await?.into(),
    };
    Ok(Json(found.into()))
}

/// Creates or replaces the metadata of up to 500 movies, all or none.
#[utoipa::path(
    post, path = "/v1/metadata:batchPut", operation_id = "batchPutMetadata", tag = "metadata",
    request_body = json::BatchPutMetadata,
    responses((status = 200, description = "The records as stored.", body = json::MetadataList))
)]
async fn batch_put(
    State(controller): State<Arc<Controller>>,
    Json(body): Json<json::BatchPutMetadata>,
) -> Result<Json<json::MetadataList<Arc<Metadata>>>, Problem> {
    let puts = controller.batch_put(body.records()?).await?;
    Ok(Json(puts.into_iter().map(|put| put.metadata).collect::<Vec<_>>().into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Short {
    /// The movie's id.
    #[param(value_type = schema::RecordId, inline)]
    id: String,
}

/// Returns a movie's metadata; short form.
#[utoipa::path(
    get, path = "/metadata", operation_id = "getMetadataShort", tag = "metadata", params(Short),
    responses(
        (status = 200, description = "The movie's metadata.", body = json::Metadata),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn short(
    State(controller): State<Arc<Controller>>,
    Query(parameters): Query<Short>,
) -> Result<PreSerialized, Problem> {
    Ok(PreSerialized::new(&*controller.get(&id(parameters.id)?).await?))
}

/// Returns a movie's metadata; shortest form.
#[utoipa::path(
    get, path = "/", operation_id = "getMetadataAtRoot", tag = "metadata", params(Short),
    responses(
        (status = 200, description = "The movie's metadata.", body = json::Metadata),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn shortest(state: State<Arc<Controller>>, parameters: Query<Short>) -> Result<PreSerialized, Problem> {
    short(state, parameters).await
}
