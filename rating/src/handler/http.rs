//! The REST routes: paths under `/v1`, and the short forms.

mod aggregates;
mod ingestion;
mod params;
mod ratings;
mod short;
mod state;

pub(crate) use state::AppState;

use axum::Router;
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Returns the routes.
pub(crate) fn routes(state: AppState) -> Router {
    // The state is cloned for each worker: a reference count shared by all workers would bounce between the cores.
    described().with_state(Arc::new(state)).into()
}

/// Returns the OpenAPI description of the routes.
pub(crate) fn document() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(aggregates::get_aggregate))
        .routes(routes!(aggregates::batch_get_aggregates))
        .routes(routes!(ratings::get_rating, ratings::put_rating, ratings::delete_rating))
        .routes(routes!(ratings::list_user_ratings))
        .routes(routes!(aggregates::list_top_rated))
        .routes(routes!(ingestion::get_ingestion))
        .routes(routes!(short::get_mean, short::put_rating_short))
        .routes(routes!(short::get_mean_at_root))
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Marquee rating",
    description = "Ratings by users, and their aggregates for each record."
), tags(
    (name = "ratings", description = "The ratings of users, and their aggregates for each record."),
    (name = "ingestion", description = "Ratings that arrive from Kafka.")
))]
struct Document;
