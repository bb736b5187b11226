//! Movies over REST, with the short forms.

use super::{AppState, backend_deadline};
use api::json::{self, schema};
use axum::Router;
use axum::extract::State;
use fault::Invalid;
use model::RecordId;
use serde::Deserialize;
use service::extract::{Ids, Path, PreSerialized, Query};
use service::{Deadline, Problem};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The initial capacity of a buffer for the JSON of one movie in a list; most movies take less.
const MOVIE_CAPACITY: usize = 512;

/// Creates the service's REST routes.
pub(crate) fn routes(state: AppState) -> Router {
    // Each worker has a reference count of its own: a shared one would move between the processors with each request.
    described().with_state(Arc::new(state)).into()
}

/// Returns the description of these routes.
pub(crate) fn document() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(get))
        .routes(routes!(list))
        .routes(routes!(top))
        .routes(routes!(short))
        .routes(routes!(shortest))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Marquee movie", description = "Movies with their aggregated ratings."),
    tags((name = "movies", description = "Movies with their aggregated ratings."))
)]
struct Document;

/// Encodes a list of movies.
fn list_json(list: &json::MovieList<'_>) -> PreSerialized {
    let mut json = Vec::with_capacity(MOVIE_CAPACITY * (1 + list.movies.len()));
    PreSerialized(serde_json::to_writer(&mut json, list).map(|()| json.into()))
}

fn id(text: String) -> Result<RecordId, Invalid> {
    RecordId::new(text).map_err(|broken| broken.at("id"))
}

/// Returns a movie with its aggregated ratings.
#[utoipa::path(
    get, path = "/v1/movies/{id}", operation_id = "getMovie", tag = "movies",
    params(("id" = inline(schema::RecordId), Path, description = "The movie's id.")),
    responses(
        (status = 200, description = "The movie.", body = json::Movie<'static>),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn get(
    State(state): State<Arc<AppState>>,
    deadline: Deadline,
    Path(path): Path<String>,
) -> Result<PreSerialized, Problem> {
    Ok(PreSerialized(state.get(&id(path)?, deadline).await?.json()))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Up to 500 ids, separated by commas. Returns their movies in this order. Excludes the other parameters.
    #[param(value_type = Option<Vec<schema::RecordId>>, inline, style = Form, explode = false, min_items = 1, max_items = 500)]
    ids: Option<Ids>,
    /// Words of the title or prefixes of them; best match first. If empty or absent, all movies are listed by id.
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

/// Lists movies: by ids, by a query, or all of them.
#[utoipa::path(
    get, path = "/v1/movies", operation_id = "listMovies", tag = "movies", params(List),
    responses((status = 200, description = "The movies.", body = json::MovieList<'static>))
)]
async fn list(
    State(state): State<Arc<AppState>>,
    deadline: Deadline,
    Query(query): Query<List>,
) -> Result<PreSerialized, Problem> {
    let deadline = backend_deadline(deadline);
    if let Some(ids) = query.ids {
        if query.query.is_some() || query.page_size.is_some() || query.page_token.is_some() {
            return Err(Problem::invalid("ids", "must not be combined with other parameters"));
        }
        let movies = state.controller.batch_get(&json::ids(ids.0)?, deadline).await?;
        return Ok(list_json(&movies.as_slice().into()));
    }
    let page = json::page(query.page_size, query.page_token)?;
    let page = state.controller.search(&query.query.unwrap_or_default(), &page, deadline).await?;
    Ok(list_json(&(&page).into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Top {
    /// The minimum number of ratings of a movie; at least 1, default 10.
    #[param(value_type = Option<schema::MinCount>, inline)]
    min_count: Option<i64>,
    /// 1 to 500, default 50.
    #[param(value_type = Option<schema::PageSize>, inline)]
    page_size: Option<i64>,
    /// The `nextPageToken` of the previous page.
    #[param(value_type = Option<schema::PageToken>, inline)]
    page_token: Option<String>,
}

/// Lists the best rated movies, by weighted mean.
#[utoipa::path(
    get, path = "/v1/top/movies", operation_id = "listTopMovies", tag = "movies", params(Top),
    responses((status = 200, description = "The movies.", body = json::MovieList<'static>))
)]
async fn top(
    State(state): State<Arc<AppState>>,
    deadline: Deadline,
    Query(query): Query<Top>,
) -> Result<PreSerialized, Problem> {
    let page = json::page(query.page_size, query.page_token)?;
    let min_count = json::min_count(query.min_count)?;
    let page = state.controller.list_top(min_count, &page, backend_deadline(deadline)).await?;
    Ok(list_json(&(&page).into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Short {
    /// The movie's id.
    #[param(value_type = schema::RecordId, inline)]
    id: String,
}

/// Returns a movie with the mean of its ratings; short form.
#[utoipa::path(
    get, path = "/movie", operation_id = "getMovieShort", tag = "movies", params(Short),
    responses(
        (status = 200, description = "The movie.", body = json::ShortMovie<'static>),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn short(
    State(state): State<Arc<AppState>>,
    deadline: Deadline,
    Query(query): Query<Short>,
) -> Result<PreSerialized, Problem> {
    let cached = state.get(&id(query.id)?, deadline).await?;
    Ok(PreSerialized::new(&json::ShortMovie::from(&cached.movie)))
}

/// Returns a movie with the mean of its ratings; shortest form.
#[utoipa::path(
    get, path = "/", operation_id = "getMovieAtRoot", tag = "movies", params(Short),
    responses(
        (status = 200, description = "The movie.", body = json::ShortMovie<'static>),
        (status = 404, description = "There is no such movie.")
    )
)]
async fn shortest(
    state: State<Arc<AppState>>,
    deadline: Deadline,
    query: Query<Short>,
) -> Result<PreSerialized, Problem> {
    short(state, deadline, query).await
}
