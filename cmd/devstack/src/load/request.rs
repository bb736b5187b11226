//! The requests of the load.

/// The number of movies in a list by ids.
const LIST: usize = 5;

/// Words that the titles of the built-in movies contain, and one with a typo.
const QUERIES: [&str; 4] = ["star", "the", "amelie", "gladiatr"];

/// A request of the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A GET of this path and query.
    Rest(String),
    /// A call of `GetMovieDetails` with this id.
    Grpc(String),
}

/// Returns an endless mix: of ten requests, seven are of single movies, the others a list, a search and a top list. Ids
/// that a URL can't contain unchanged are left out.
pub(super) fn requests(mut ids: Vec<String>) -> impl Iterator<Item = Request> {
    ids.retain(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
    let count = ids.len().max(1);
    let id = move |number: usize| ids.get(number % count).cloned().unwrap_or_default();
    (0_usize..).map(move |number| match number % 10 {
        0 => {
            let list: Vec<String> = (0..LIST.min(count)).map(|next| id(number + next)).collect();
            Request::Rest(format!("/v1/movies?ids={}", list.join(",")))
        }
        3 => Request::Rest(format!("/v1/movies?query={}", QUERIES[number / 10 % QUERIES.len()])),
        6 => Request::Rest("/v1/top/movies?pageSize=10".to_owned()),
        1 | 4 | 8 => Request::Grpc(id(number)),
        _ => Request::Rest(format!("/v1/movies/{}", id(number))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_movie_is_requested_and_lists_have_distinct_ids() {
        for count in [1, 3, 104] {
            let ids: Vec<String> = (0..count).map(|id| format!("m{id}")).collect();
            let with_others = ids.iter().cloned().chain(["a b", "a,b", "é"].map(str::to_owned)).collect();
            let sent: Vec<Request> = requests(with_others).take(2000).collect();
            let singles: HashSet<&str> = sent
                .iter()
                .filter_map(|request| match request {
                    Request::Grpc(id) => Some(id.as_str()),
                    Request::Rest(path) => path.strip_prefix("/v1/movies/"),
                })
                .collect();
            assert_eq!(singles.len(), count);
            for list in sent.iter().filter_map(|request| match request {
                Request::Rest(path) => path.strip_prefix("/v1/movies?ids="),
                Request::Grpc(_) => None,
            }) {
                let ids: Vec<&str> = list.split(',').collect();
                assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{list}");
            }
        }
    }
}
