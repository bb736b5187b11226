//! Movies over gRPC, also under the name that clients without a package call.

use crate::controller::Controller;
use crate::movie::Movie;
use api::encoded::compat::movie_service_server as compat;
use api::encoded::movie::v1::movie_service_server::{MovieService, MovieServiceServer};
use api::encoded::movie::v1::{
    BatchGetMovieDetailsRequest, BatchGetMovieDetailsResponse, GetMovieDetailsRequest,
    GetMovieDetailsResponse, ListTopMoviesRequest, ListTopMoviesResponse, MovieDetails, SearchMoviesRequest,
    SearchMoviesResponse,
};
use api::proto;
use api::rows::Row;
use model::RecordId;
use service::Deadline;
use service::grpc::status;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// The service's gRPC routes.
pub(crate) fn routes(controller: Controller) -> Routes {
    let handler = Handler(controller);
    Routes::new(MovieServiceServer::new(handler.clone()))
        .add_service(compat::MovieServiceServer::new(handler))
}

#[derive(Clone)]
struct Handler(Controller);

/// A movie of parts that keep their encoding.
fn message(movie: &Movie) -> MovieDetails {
    let rating = movie.rating.as_ref();
    MovieDetails {
        rating: rating.map(|rating| rating.mean()),
        metadata: movie.metadata.to_encoded(Row::write),
        aggregate: rating.map(|rating| rating.to_encoded(Row::write)).unwrap_or_default(),
        partial: movie.partial.iter().map(|part| part.name().to_owned()).collect(),
    }
}

fn all(movies: &[Movie]) -> Vec<MovieDetails> {
    movies.iter().map(message).collect()
}

#[tonic::async_trait]
impl MovieService for Handler {
    async fn get_movie_details(
        &self,
        request: Request<GetMovieDetailsRequest>,
    ) -> Result<Response<GetMovieDetailsResponse>, Status> {
        let deadline = super::backends(Deadline::of(&request));
        let id =
            RecordId::new(request.into_inner().movie_id).map_err(|broken| status(broken.at("movie_id")))?;
        let movie = self.0.get(&id, deadline).await.map_err(status)?;
        Ok(Response::new(GetMovieDetailsResponse { movie_details: Some(message(&movie)) }))
    }

    async fn batch_get_movie_details(
        &self,
        request: Request<BatchGetMovieDetailsRequest>,
    ) -> Result<Response<BatchGetMovieDetailsResponse>, Status> {
        let deadline = super::backends(Deadline::of(&request));
        let ids = proto::ids("ids", request.into_inner().ids).map_err(status)?;
        let movies = self.0.batch_get(&ids, deadline).await.map_err(status)?;
        Ok(Response::new(BatchGetMovieDetailsResponse { movies: all(&movies) }))
    }

    async fn search_movies(
        &self,
        request: Request<SearchMoviesRequest>,
    ) -> Result<Response<SearchMoviesResponse>, Status> {
        let deadline = super::backends(Deadline::of(&request));
        let request = request.into_inner();
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let page = self.0.search(&request.query, &page, deadline).await.map_err(status)?;
        Ok(Response::new(SearchMoviesResponse {
            movies: all(&page.items),
            next_page_token: page.next.unwrap_or_default(),
        }))
    }

    async fn list_top_movies(
        &self,
        request: Request<ListTopMoviesRequest>,
    ) -> Result<Response<ListTopMoviesResponse>, Status> {
        let deadline = super::backends(Deadline::of(&request));
        let request = request.into_inner();
        let min_count = proto::min_count(request.min_count).map_err(status)?;
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let page = self.0.top(min_count, &page, deadline).await.map_err(status)?;
        Ok(Response::new(ListTopMoviesResponse {
            movies: all(&page.items),
            next_page_token: page.next.unwrap_or_default(),
        }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Aggregate, Genres, Histogram, Metadata, Part, Record, RecordType, ReleaseYear, Text, Title};
    use prost::Message;

    #[test]
    fn a_movie_of_encoded_parts_is_the_contracts_message_byte_for_byte() {
        let metadata = Metadata {
            id: RecordId::new("1").unwrap(),
            title: Title::new("Amélie").unwrap(),
            description: Text::default(),
            director: Text::director("Jean-Pierre Jeunet").unwrap(),
            release_year: ReleaseYear::new(2001).ok(),
            genres: Genres::new(vec!["Comedy".into()]).unwrap(),
            revision: 7,
        };
        let aggregate = Aggregate {
            record: Record { record_type: RecordType::movie(), record_id: metadata.id.clone() },
            histogram: Histogram::new([0, 0, 0, 1, 0, 0, 0, 0, 0, 3]),
            weighted_mean: 7.1,
            revision: 4,
        };
        for (rating, partial) in [(Some(&aggregate), vec![]), (None, vec![]), (None, vec![Part::Rating])] {
            let movie = Movie {
                metadata: metadata.clone().into(),
                rating: rating.cloned().map(Into::into),
                partial: partial.clone(),
            };
            let expected = api::movie::v1::MovieDetails {
                rating: rating.map(Aggregate::mean),
                metadata: Some((&metadata).into()),
                aggregate: rating.map(Into::into),
                partial: partial.into_iter().map(|part| part.name().to_owned()).collect(),
            };
            for _ in 0..2 {
                assert_eq!(message(&movie).encode_to_vec(), expected.encode_to_vec());
            }
        }
    }
}
