//! Movies over gRPC, also under the service name without a package.

use super::{AppState, backend_deadline};
use api::compat::movie_service_server as compat;
use api::movie::v1 as wire;
use api::movie::v1::movie_service_server::{MovieService, MovieServiceServer};
use api::movie::v1::{
    BatchGetMovieDetailsRequest, BatchGetMovieDetailsResponse, GetMovieDetailsRequest,
    GetMovieDetailsResponse, ListTopMoviesRequest, ListTopMoviesResponse, SearchMoviesRequest,
    SearchMoviesResponse,
};
use api::proto;
use model::{MovieDetails, RecordId};
use service::Deadline;
use service::grpc::status;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Creates the service's gRPC routes.
pub(crate) fn routes(state: AppState) -> Routes {
    let handler = Handler(state);
    Routes::new(MovieServiceServer::new(handler.clone()))
        .add_service(compat::MovieServiceServer::new(handler))
}

#[derive(Clone)]
struct Handler(AppState);

fn messages(movies: &[MovieDetails]) -> Vec<wire::MovieDetails> {
    movies.iter().map(Into::into).collect()
}

#[tonic::async_trait]
impl MovieService for Handler {
    async fn get_movie_details(
        &self,
        request: Request<GetMovieDetailsRequest>,
    ) -> Result<Response<GetMovieDetailsResponse>, Status> {
        let deadline = Deadline::of(&request);
        let id =
            RecordId::new(request.into_inner().movie_id).map_err(|broken| status(broken.at("movie_id")))?;
        let cached = self.0.get(&id, deadline).await.map_err(status)?;
        Ok(Response::new(GetMovieDetailsResponse { movie_details: Some((&cached.movie).into()) }))
    }

    async fn batch_get_movie_details(
        &self,
        request: Request<BatchGetMovieDetailsRequest>,
    ) -> Result<Response<BatchGetMovieDetailsResponse>, Status> {
        let deadline = backend_deadline(Deadline::of(&request));
        let ids = proto::ids("ids", request.into_inner().ids).map_err(status)?;
        let movies = self.0.controller.batch_get(&ids, deadline).await.map_err(status)?;
        Ok(Response::new(BatchGetMovieDetailsResponse { movies: messages(&movies) }))
    }

    async fn search_movies(
        &self,
        request: Request<SearchMoviesRequest>,
    ) -> Result<Response<SearchMoviesResponse>, Status> {
        let deadline = backend_deadline(Deadline::of(&request));
        let request = request.into_inner();
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let query = &request.query;
        let read = |page| async move {
            let found = self.0.controller.search(query, &page, deadline).await;
            found.map(|found| (messages(&found.page.items), (found.page.next, found.corrected)))
        };
        let (movies, (next, corrected)) = proto::fitting_page(page, read).await.map_err(status)?;
        let next_page_token = next.unwrap_or_default();
        Ok(Response::new(SearchMoviesResponse { movies, next_page_token, corrected }))
    }

    async fn list_top_movies(
        &self,
        request: Request<ListTopMoviesRequest>,
    ) -> Result<Response<ListTopMoviesResponse>, Status> {
        let deadline = backend_deadline(Deadline::of(&request));
        let request = request.into_inner();
        let min_count = proto::min_count(request.min_count).map_err(status)?;
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let read = |page| async move {
            let found = self.0.controller.list_top(min_count, &page, deadline).await;
            found.map(|found| (messages(&found.items), found.next))
        };
        let (movies, next) = proto::fitting_page(page, read).await.map_err(status)?;
        Ok(Response::new(ListTopMoviesResponse { movies, next_page_token: next.unwrap_or_default() }))
    }
}

#[tonic::async_trait]
impl compat::MovieService for Handler {
    async fn get_movie_details(
        &self,
        request: Request<GetMovieDetailsRequest>,
    ) -> Result<Response<GetMovieDetailsResponse>, Status> {
        MovieService::get_movie_details(self, request).await
    }
}
