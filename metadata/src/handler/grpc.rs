//! Metadata over gRPC, also under the service name without a package.

use crate::controller::Controller;
use api::compat::metadata_service_server as compat;
use api::metadata::v1 as wire;
use api::metadata::v1::metadata_service_server::{MetadataService, MetadataServiceServer};
use api::metadata::v1::{
    BatchGetMetadataRequest, BatchGetMetadataResponse, BatchPutMetadataRequest, BatchPutMetadataResponse,
    DeleteMetadataRequest, DeleteMetadataResponse, GetMetadataRequest, GetMetadataResponse,
    ListMetadataRequest, ListMetadataResponse, PutMetadataRequest, PutMetadataResponse,
    SearchMetadataRequest, SearchMetadataResponse,
};
use api::proto;
use fault::Invalid;
use model::{Metadata, RecordId};
use service::grpc::status;
use std::sync::Arc;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Returns the service's gRPC routes, under both service names.
pub(crate) fn routes(controller: Controller) -> Routes {
    let handler = Handler(controller);
    Routes::new(MetadataServiceServer::new(handler.clone()))
        .add_service(compat::MetadataServiceServer::new(handler))
}

#[derive(Clone)]
struct Handler(Controller);

fn movie_id(text: String) -> Result<RecordId, Invalid> {
    RecordId::new(text).map_err(|broken| broken.at("movie_id"))
}

fn message(metadata: &Arc<Metadata>) -> wire::Metadata {
    (&**metadata).into()
}

fn messages(metadata: &[Arc<Metadata>]) -> Vec<wire::Metadata> {
    metadata.iter().map(message).collect()
}

#[tonic::async_trait]
impl MetadataService for Handler {
    async fn get_metadata(
        &self,
        request: Request<GetMetadataRequest>,
    ) -> Result<Response<GetMetadataResponse>, Status> {
        let id = movie_id(request.into_inner().movie_id).map_err(status)?;
        let metadata = self.0.get(&id).await.map_err(status)?;
        Ok(Response::new(GetMetadataResponse { metadata: Some(message(&metadata)) }))
    }

    async fn batch_get_metadata(
        &self,
        request: Request<BatchGetMetadataRequest>,
    ) -> Result<Response<BatchGetMetadataResponse>, Status> {
        let ids = proto::ids("ids", request.into_inner().ids).map_err(status)?;
        let metadata = self.0.batch_get(&ids).await.map_err(status)?;
        Ok(Response::new(BatchGetMetadataResponse { metadata: messages(&metadata) }))
    }

    async fn put_metadata(
        &self,
        request: Request<PutMetadataRequest>,
    ) -> Result<Response<PutMetadataResponse>, Status> {
        let metadata = request.into_inner().try_into().map_err(|invalid: Invalid| status(invalid))?;
        let put = self.0.put(metadata).await.map_err(status)?;
        Ok(Response::new(PutMetadataResponse {
            metadata: Some(message(&put.metadata)),
            created: put.created,
        }))
    }

    async fn batch_put_metadata(
        &self,
        request: Request<BatchPutMetadataRequest>,
    ) -> Result<Response<BatchPutMetadataResponse>, Status> {
        let metadata = proto::metadata_batch(request.into_inner()).map_err(status)?;
        let puts = self.0.batch_put(metadata).await.map_err(status)?;
        Ok(Response::new(BatchPutMetadataResponse {
            metadata: puts.iter().map(|put| message(&put.metadata)).collect(),
        }))
    }

    async fn delete_metadata(
        &self,
        request: Request<DeleteMetadataRequest>,
    ) -> Result<Response<DeleteMetadataResponse>, Status> {
        let id = movie_id(request.into_inner().movie_id).map_err(status)?;
        self.0.delete(&id).await.map_err(status)?;
        Ok(Response::new(DeleteMetadataResponse {}))
    }

    async fn list_metadata(
        &self,
        request: Request<ListMetadataRequest>,
    ) -> Result<Response<ListMetadataResponse>, Status> {
        let request = request.into_inner();
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let read = |page| async move {
            let found = self.0.list(&page).await;
            found.map(|found| (messages(&found.items), found.next))
        };
        let (metadata, next) = proto::fitting_page(page, read).await.map_err(status)?;
        Ok(Response::new(ListMetadataResponse { metadata, next_page_token: next.unwrap_or_default() }))
    }

    async fn search_metadata(
        &self,
        request: Request<SearchMetadataRequest>,
    ) -> Result<Response<SearchMetadataResponse>, Status> {
        let request = request.into_inner();
        let page = proto::page(request.page_size, request.page_token).map_err(status)?;
        let query = &request.query;
        let read = |page| async move {
            let found = self.0.search(query, &page).await;
            found.map(|found| (messages(&found.page.items), (found.page.next, found.corrected)))
        };
        let (metadata, (next, corrected)) = proto::fitting_page(page, read).await.map_err(status)?;
        let next_page_token = next.unwrap_or_default();
        Ok(Response::new(SearchMetadataResponse { metadata, next_page_token, corrected }))
    }
}

#[tonic::async_trait]
impl compat::MetadataService for Handler {
    async fn get_metadata(
        &self,
        request: Request<GetMetadataRequest>,
    ) -> Result<Response<GetMetadataResponse>, Status> {
        MetadataService::get_metadata(self, request).await
    }

    async fn put_metadata(
        &self,
        request: Request<PutMetadataRequest>,
    ) -> Result<Response<PutMetadataResponse>, Status> {
        MetadataService::put_metadata(self, request).await
    }
}
