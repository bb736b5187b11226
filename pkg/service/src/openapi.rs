//! What the OpenAPI documents of all services share: the paths common to all ports, and the problems that any operation
//! may return. The services' own annotations state only what is theirs.

use crate::{admin, health, problem};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

/// A response shared by many operations: its status, its name and its description.
type Shared = (&'static str, &'static str, &'static str);

/// The responses of every operation.
const ANY: [Shared; 10] = [
    (
        "400",
        "InvalidArgument",
        "A parameter, a field of the body or a header is invalid, unknown, missing or given twice.",
    ),
    ("408", "RequestTimeout", "The body did not arrive in time."),
    ("413", "PayloadTooLarge", "The body is larger than 1 MiB."),
    ("414", "UriTooLong", "The request line is longer than 64 KiB. The HTTP/1.1 parser sends no body."),
    ("415", "UnsupportedMediaType", "The body is not JSON, or it is encoded."),
    HEADERS,
    ("500", "Internal", "The service failed; its log has the cause."),
    ("501", "NotImplemented", "The body has a transfer coding other than chunked."),
    ("503", "Unavailable", "The service is overloaded, or a dependency is unavailable. Try again later."),
    ("504", "Timeout", "The response was not ready in time."),
];

/// The only response without a body: the HTTP parser sends it.
const HEADERS: Shared = (
    "431",
    "RequestHeaderFieldsTooLarge",
    "There are more than 100 headers, or they are longer than 400 KiB. There is no body.",
);

/// The response of operations that change data.
const WRITE: Shared = ("403", "PermissionDenied", "A web page of another origin must not change data.");

/// The response of operations with parameters in their path.
const PATH_PARAMETERS: Shared =
    ("404", "NotFound", "Nothing is at this path; perhaps a parameter in it is empty.");

/// Completes the document of a service's routes: adds the paths common to all ports, the shared responses, and the
/// problem as the content of every response from 400 that has none.
pub(crate) fn complete(document: OpenApi) -> OpenApi {
    let mut document = document.merge_from(health::document()).merge_from(admin::document());
    let components = document.components.get_or_insert_with(Components::new);
    let mut schemas = vec![(problem::Document::name().into_owned(), problem::Document::schema())];
    problem::Document::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for shared in ANY.into_iter().chain([WRITE, PATH_PARAMETERS]) {
        let (_, name, description) = shared;
        let response = match shared {
            HEADERS => Response::new(description),
            _ => problem_response(description),
        };
        components.responses.insert(name.to_owned(), response.into());
    }
    for (path, item) in &mut document.paths.paths {
        let of_path = path.contains('{').then_some(PATH_PARAMETERS);
        let PathItem { get, put, post, delete, .. } = item;
        for (operation, of_method) in
            [(get, None), (put, Some(WRITE)), (post, Some(WRITE)), (delete, Some(WRITE))]
        {
            if let Some(operation) = operation {
                share(operation, ANY.into_iter().chain(of_method).chain(of_path));
            }
        }
    }
    document
}

/// Adds to `operation` those of `all` whose status it does not describe itself.
fn share(operation: &mut Operation, all: impl Iterator<Item = Shared>) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
            && response.content.is_empty()
        {
            *response = problem_response(&response.description);
        }
    }
    for (status, name, _) in all {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::Ref(Ref::from_response_name(name)));
    }
}

fn problem_response(description: &str) -> Response {
    let schema = Ref::from_schema_name(problem::Document::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content(problem::CONTENT_TYPE, content).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_keeps_its_own_description_of_a_shared_status() {
        let document = serde_json::to_value(complete(OpenApi::default())).unwrap();
        let ready = &document["paths"]["/readyz"]["get"]["responses"];
        let schema = &ready["503"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert!(ready["503"]["description"].as_str().unwrap().contains("not ready"), "{ready}");
        assert_eq!(schema, "#/components/schemas/Problem");
        assert_eq!(ready["504"]["$ref"], "#/components/responses/Timeout");
        assert!(document["components"]["responses"].get("Timeout").is_some());
        assert!(ready.get("403").is_none() && ready.get("404").is_none(), "{ready}");
    }
}
