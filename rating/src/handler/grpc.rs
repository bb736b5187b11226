//! The gRPC services: `rating.v1.RatingService`, and `RatingService` for clients that use no package.

use crate::controller::Controller;
use api::compat::rating_service_server as compat;
use api::proto;
use api::rating::v1::rating_service_server::{RatingService, RatingServiceServer};
use api::rating::v1::{
    BatchGetAggregatedRatingsRequest, BatchGetAggregatedRatingsResponse, DeleteRatingRequest,
    DeleteRatingResponse, GetAggregatedRatingRequest, GetAggregatedRatingResponse, GetRatingRequest,
    GetRatingResponse, ListTopRatedRequest, ListTopRatedResponse, ListUserRatingsRequest,
    ListUserRatingsResponse, PutRatingRequest, PutRatingResponse,
};
use fault::Invalid;
use model::{MinCount, Record, RecordId, RecordType, Timestamp, UserId};
use service::grpc::status;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Returns the gRPC routes.
pub(crate) fn routes(controller: Controller) -> Routes {
    let handler = Handler(controller);
    Routes::new(RatingServiceServer::new(handler.clone()))
        .add_service(compat::RatingServiceServer::new(handler))
}

#[derive(Clone)]
struct Handler(Controller);

fn record_type(text: &str) -> Result<RecordType, Invalid> {
    RecordType::new(text).map_err(|broken| broken.at("record_type"))
}

#[tonic::async_trait]
impl RatingService for Handler {
    async fn get_aggregated_rating(
        &self,
        request: Request<GetAggregatedRatingRequest>,
    ) -> Result<Response<GetAggregatedRatingResponse>, Status> {
        let request = request.into_inner();
        let record_type = record_type(&request.record_type).map_err(status)?;
        let record_id = RecordId::new(request.record_id).map_err(|broken| status(broken.at("record_id")))?;
        let aggregate = self.0.get_aggregate(Record { record_type, record_id }).await.map_err(status)?;
        Ok(Response::new(GetAggregatedRatingResponse {
            rating_value: aggregate.mean(),
            aggregate: Some((&*aggregate).into()),
        }))
    }

    async fn batch_get_aggregated_ratings(
        &self,
        request: Request<BatchGetAggregatedRatingsRequest>,
    ) -> Result<Response<BatchGetAggregatedRatingsResponse>, Status> {
        let request = request.into_inner();
        let record_type = record_type(&request.record_type).map_err(status)?;
        let ids = proto::ids("record_ids", request.record_ids).map_err(status)?;
        let aggregates = self.0.batch_get_aggregates(&record_type, &ids).await.map_err(status)?;
        Ok(Response::new(BatchGetAggregatedRatingsResponse {
            aggregates: aggregates.iter().map(|aggregate| (&**aggregate).into()).collect(),
        }))
    }

    async fn put_rating(
        &self,
        request: Request<PutRatingRequest>,
    ) -> Result<Response<PutRatingResponse>, Status> {
        let rating = request.get_ref().rating(Timestamp::now()).map_err(status)?;
        let (rating, created) = self.0.put_rating(rating).await.map_err(status)?;
        Ok(Response::new(PutRatingResponse { rating: Some(rating.into()), created }))
    }

    async fn get_rating(
        &self,
        request: Request<GetRatingRequest>,
    ) -> Result<Response<GetRatingResponse>, Status> {
        let (record, user) = request.get_ref().key().map_err(status)?;
        let rating = self.0.get_rating(record, user).await.map_err(status)?;
        Ok(Response::new(GetRatingResponse { rating: Some(rating.into()) }))
    }

    async fn delete_rating(
        &self,
        request: Request<DeleteRatingRequest>,
    ) -> Result<Response<DeleteRatingResponse>, Status> {
        let (record, user) = request.get_ref().key().map_err(status)?;
        self.0.delete_rating(record, user).await.map_err(status)?;
        Ok(Response::new(DeleteRatingResponse {}))
    }

    async fn list_user_ratings(
        &self,
        request: Request<ListUserRatingsRequest>,
    ) -> Result<Response<ListUserRatingsResponse>, Status> {
        let request = request.into_inner();
        let user = UserId::new(request.user_id).map_err(|broken| status(broken.at("user_id")))?;
        let only = request.record_type.as_deref().map(record_type).transpose().map_err(status)?;
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let page = self.0.list_user_ratings(&user, only.as_ref(), &page).await.map_err(status)?;
        Ok(Response::new(ListUserRatingsResponse {
            ratings: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.unwrap_or_default(),
        }))
    }

    async fn list_top_rated(
        &self,
        request: Request<ListTopRatedRequest>,
    ) -> Result<Response<ListTopRatedResponse>, Status> {
        let request = request.into_inner();
        let record_type = record_type(&request.record_type).map_err(status)?;
        let min_count: MinCount = proto::min_count(request.min_count).map_err(status)?;
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let page = self.0.list_top_rated(&record_type, min_count, &page).await.map_err(status)?;
        Ok(Response::new(ListTopRatedResponse {
            aggregates: page.items.iter().map(Into::into).collect(),
            next_page_token: page.next.unwrap_or_default(),
        }))
    }
}

#[tonic::async_trait]
impl compat::RatingService for Handler {
    async fn get_aggregated_rating(
        &self,
        request: Request<GetAggregatedRatingRequest>,
    ) -> Result<Response<GetAggregatedRatingResponse>, Status> {
        RatingService::get_aggregated_rating(self, request).await
    }

    async fn put_rating(
        &self,
        request: Request<PutRatingRequest>,
    ) -> Result<Response<PutRatingResponse>, Status> {
        RatingService::put_rating(self, request).await
    }
}
