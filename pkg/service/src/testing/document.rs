//! Checks of a service's OpenAPI document that need no tool.

use serde_json::{Map, Value};

/// The content type of a problem.
const PROBLEM: &str = "application/problem+json";

/// Returns what is wrong with an OpenAPI document: operations without an id of their own, a known tag or one of the
/// statuses that every operation may return, responses without a description, errors that are not problems, and
/// references to nothing. Only 431 has no body.
#[must_use]
pub fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = Vec::new();
    let tags: Vec<&Value> =
        document["tags"].as_array().into_iter().flatten().map(|tag| &tag["name"]).collect();
    for (path, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            let mut fault = |text: &str| faults.push(format!("{method} {path}: {text}"));
            match operation["operationId"].as_str() {
                Some(id) if ids.contains(&id) => fault("its operationId is that of another operation"),
                Some(id) => ids.push(id),
                None => fault("no operationId"),
            }
            if !operation["tags"].as_array().is_some_and(|own| own.iter().all(|tag| tags.contains(&tag))) {
                fault("no tag that the document describes");
            }
            for status in ["400", "500", "503", "504"] {
                if operation["responses"].get(status).is_none() {
                    fault(&format!("no response {status}"));
                }
            }
            for (status, response) in entries(&operation["responses"]) {
                let response = resolved(document, response).unwrap_or(response);
                if response["description"].as_str().is_none_or(str::is_empty) {
                    fault(&format!("response {status} has no description"));
                }
                let schema = &response["content"][PROBLEM]["schema"]["$ref"];
                if status.as_str() >= "400" && status != "431" && schema != "#/components/schemas/Problem" {
                    fault(&format!("response {status} is not a problem"));
                }
            }
        }
    }
    collect_dangling(document, document, &mut faults);
    faults
}

/// Returns the sorted ids of the document's operations.
#[must_use]
pub fn operation_ids(document: &Value) -> Vec<&str> {
    let operations = entries(&document["paths"]).flat_map(|(_, methods)| entries(methods));
    let mut ids: Vec<&str> =
        operations.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
    ids.sort_unstable();
    ids
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Returns what `value` refers to, if it is a reference.
fn resolved<'a>(document: &'a Value, value: &Value) -> Option<&'a Value> {
    document.pointer(value["$ref"].as_str()?.strip_prefix('#')?)
}

fn collect_dangling(document: &Value, value: &Value, faults: &mut Vec<String>) {
    if let Some(reference) = value.get("$ref").and_then(Value::as_str)
        && resolved(document, value).is_none()
    {
        faults.push(format!("{reference} refers to nothing"));
    }
    let items = value.as_array().into_iter().flatten();
    for part in items.chain(entries(value).map(|(_, part)| part)) {
        collect_dangling(document, part, faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_of_a_document_are_found() {
        let get = json!({"operationId": "get", "tags": ["a"], "responses": {
            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Gone"}}}},
            "404": {"description": "Not found."},
        }});
        let document = json!({"paths": {"/a": {"get": get}, "/b": {"get": get}}});
        let faults = faults(&document);
        for fault in [
            "get /b: its operationId is that of another operation",
            "get /a: no tag that the document describes",
            "get /a: no response 503",
            "get /a: response 200 has no description",
            "get /a: response 404 is not a problem",
            "#/components/schemas/Gone refers to nothing",
        ] {
            assert!(faults.iter().any(|found| found == fault), "{fault}: {faults:?}");
        }
    }
}
