//! Movies over REST, with the short forms.

use crate::controller::Controller;
use api::json;
use axum::Router;
use axum::extract::State;
use cache::Written;
use fault::Invalid;
use model::{Aggregate, Metadata, RecordId};
use serde::Deserialize;
use service::extract::{Ids, Json, Path, Query, WrittenJson};
use service::{Deadline, Problem};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::{IntoParams, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Room for the JSON of one of many movies, as most are not longer.
const MOVIE: usize = 512;

/// The service's REST routes.
pub(crate) fn routes(controller: Controller) -> Router {
    // Each worker counts clones of its own: counts that all workers write to would go from core to core.
    described().with_state(Arc::new(controller)).into()
}

/// The description of these routes.
pub(crate) fn document() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Arc<Controller>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(get))
        .routes(routes!(list))
        .routes(routes!(top))
        .routes(routes!(short))
        .routes(routes!(shortest))
}

// The parts of a movie are named here, for utoipa doesn't find what stands in the place of a generic parameter.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Marquee movie", description = "Movies with their aggregated ratings."),
    components(schemas(json::Metadata, json::MovieRating))
)]
struct Document;

/// A movie of parts that keep their JSON.
type Movie = json::Movie<Written<Metadata, json::Metadata>, Written<Aggregate, json::MovieRating>>;

type ShortMovie = json::ShortMovie<Written<Metadata, json::Metadata>>;

/// The answer that lists `movies`.
fn listed(movies: impl Into<json::MovieList<Movie>>) -> WrittenJson {
    let list = movies.into();
    let mut json = Vec::with_capacity(MOVIE * (1 + list.movies.len()));
    WrittenJson(serde_json::to_writer(&mut json, &list).map(|()| json.into()))
}

fn id(text: String) -> Result<RecordId, Invalid> {
    RecordId::new(text).map_err(|broken| broken.at("id"))
}

/// Returns a movie with its aggregated ratings.
#[utoipa::path(
    get, path = "/v1/movies/{id}", params(("id" = String, Path)),
    responses((status = 200, body = json::Movie), (status = 404, description = "Not found."))
)]
async fn get(
    State(controller): State<Arc<Controller>>,
    deadline: Deadline,
    Path(path): Path<String>,
) -> Result<WrittenJson, Problem> {
    let movie = controller.get(&id(path)?, super::backends(deadline)).await?;
    Ok(WrittenJson(movie.to_json::<Movie>()))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Up to 500 ids, separated by commas. Returns their movies in this order. Excludes the other parameters.
    #[param(value_type = Option<String>)]
    ids: Option<Ids>,
    /// Words of the title or prefixes of them; best match first. If empty or absent, all movies are listed by id.
    query: Option<String>,
    /// 1 to 500, default 50.
    page_size: Option<i64>,
    /// The `nextPageToken` of the previous page.
    page_token: Option<String>,
}

/// Lists movies: by ids, by a query, or all of them.
#[utoipa::path(get, path = "/v1/movies", params(List), responses((status = 200, body = json::MovieList)))]
async fn list(
    State(controller): State<Arc<Controller>>,
    deadline: Deadline,
    Query(asked): Query<List>,
) -> Result<WrittenJson, Problem> {
    let deadline = super::backends(deadline);
    if let Some(ids) = asked.ids {
        if asked.query.is_some() || asked.page_size.is_some() || asked.page_token.is_some() {
            return Err(Problem::invalid("ids", "must not be combined with other parameters"));
        }
        return Ok(listed(controller.batch_get(&json::ids(ids.0)?, deadline).await?));
    }
    let page = json::page(asked.page_size, asked.page_token)?;
    Ok(listed(controller.search(&asked.query.unwrap_or_default(), &page, deadline).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Top {
    /// The minimum number of ratings of a movie; at least 1, default 10.
    min_count: Option<i64>,
    /// 1 to 500, default 50.
    page_size: Option<i64>,
    /// The `nextPageToken` of the previous page.
    page_token: Option<String>,
}

/// Lists the best rated movies, by weighted mean.
#[utoipa::path(get, path = "/v1/top/movies", params(Top), responses((status = 200, body = json::MovieList)))]
async fn top(
    State(controller): State<Arc<Controller>>,
    deadline: Deadline,
    Query(asked): Query<Top>,
) -> Result<WrittenJson, Problem> {
    let page = json::page(asked.page_size, asked.page_token)?;
    let min_count = json::min_count(asked.min_count)?;
    Ok(listed(controller.top(min_count, &page, super::backends(deadline)).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Short {
    /// The movie's id.
    id: String,
}

/// Returns a movie with the mean of its ratings; short form.
#[utoipa::path(get, path = "/movie", params(Short), responses((status = 200, body = json::ShortMovie)))]
async fn short(
    State(controller): State<Arc<Controller>>,
    deadline: Deadline,
    Query(asked): Query<Short>,
) -> Result<Json<ShortMovie>, Problem> {
    let movie = controller.get(&id(asked.id)?, super::backends(deadline)).await?;
    Ok(Json((&*movie).into()))
}

/// Returns a movie with the mean of its ratings; shortest form.
#[utoipa::path(get, path = "/", params(Short), responses((status = 200, body = json::ShortMovie)))]
async fn shortest(
    state: State<Arc<Controller>>,
    deadline: Deadline,
    asked: Query<Short>,
) -> Result<Json<ShortMovie>, Problem> {
    short(state, deadline, asked).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_has_every_schema_that_it_refers_to() {
        let document = document().to_json().unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&document).unwrap();
        let named = document.split("#/components/schemas/").skip(1);
        let named: Vec<&str> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.contains(&"Metadata") && named.contains(&"MovieRating"));
        for name in named {
            assert!(parsed["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
