//! The query parameters of each route, as its description lists them: every other one is rejected, also by routes whose
//! handlers read none.

use crate::Problem;
use crate::extract::parameter_names;
use axum::extract::Request;
use foldhash::fast::RandomState;
use http::Method;
use std::collections::HashMap;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, PathItem, RefOr};

/// The query parameters of each operation, by path template and method.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(HashMap<String, Vec<(Method, Vec<String>)>, RandomState>);

impl Parameters {
    /// Reads the parameters from the description of a router. Paths that it does not contain have none; `undescribed`
    /// lists those that are served by GET.
    pub(crate) fn new(document: &OpenApi, undescribed: &[&str]) -> Self {
        let undescribed =
            undescribed.iter().map(|path| ((*path).to_owned(), vec![(Method::GET, Vec::new())]));
        let described = document.paths.paths.iter().map(|(path, item)| {
            let operations = operations(item).map(|(method, operation)| {
                let parameters = item.parameters.iter().chain(&operation.parameters).flatten();
                (method, parameters.filter_map(|parameter| query_parameter(document, parameter)).collect())
            });
            (path.clone(), operations.collect())
        });
        Self(undescribed.chain(described).collect())
    }

    /// Returns the problem of a `request` for the route `template` with an unknown parameter.
    ///
    /// A request without a query is not looked up. One with a method that the route does not have is left to the router.
    pub(crate) fn check(&self, template: &str, request: &Request) -> Option<Problem> {
        let query = request.uri().query().filter(|query| !query.is_empty())?;
        let known = match self.0.get(template) {
            None => &[][..],
            Some(operations) => {
                let of = |method: &Method| operations.iter().find(|(served, _)| served == method);
                let head = || (request.method() == Method::HEAD).then(|| of(&Method::GET)).flatten();
                &of(request.method()).or_else(head)?.1
            }
        };
        parameter_names(query).find_map(|name| match name {
            Ok(name) if known.iter().any(|known| *known == name) => None,
            Ok(name) => Some(Problem::invalid(name, "is unknown")),
            Err(violation) => Some(Problem::invalid(violation.field, violation.reason)),
        })
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::OPTIONS, &item.options),
        (Method::HEAD, &item.head),
        (Method::PATCH, &item.patch),
        (Method::TRACE, &item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// Returns the name of a query parameter, which may be described once for several operations.
fn query_parameter(document: &OpenApi, parameter: &RefOr<Parameter>) -> Option<String> {
    match parameter {
        RefOr::T(parameter) => {
            matches!(parameter.parameter_in, ParameterIn::Query).then(|| parameter.name.clone())
        }
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next()?;
            query_parameter(document, document.components.as_ref()?.parameters.get(name)?)
        }
    }
}
