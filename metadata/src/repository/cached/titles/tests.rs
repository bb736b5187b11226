//! The index against a plain list of titles that the model ranks.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn id(number: u8) -> RecordId {
    RecordId::new(number.to_string()).unwrap()
}

/// Titles of a few words, which begin like others, stand twice, or fold to others.
fn title() -> impl Strategy<Value = String> {
    let word =
        prop::sample::select(vec!["Star", "stars", "Wars", "war", "the", "A", "Amélie", "ame", "2", "20"]);
    prop::collection::vec(word, 0..5).prop_map(|words| words.join(" "))
}

/// A record gets a title, or loses it.
fn change() -> impl Strategy<Value = (u8, Option<String>)> {
    (0..12_u8, prop::option::weighted(0.7, title()))
}

/// What the model finds, page by page.
fn expected(titles: &BTreeMap<RecordId, String>, query: &Query) -> Vec<Rank> {
    let mut ranks: Vec<Rank> =
        titles.iter().filter_map(|(id, title)| query.rank(title, id.as_str())).collect();
    ranks.sort();
    ranks
}

fn paged(titles: &Titles, query: &Query, limit: usize) -> Vec<Rank> {
    let mut all: Vec<Rank> = Vec::new();
    loop {
        let page = titles.search(query, all.last(), limit);
        assert!(page.len() <= limit);
        assert!(page.iter().all(|(id, rank)| id.as_str() == rank.id()));
        let last = page.len() < limit;
        all.extend(page.into_iter().map(|(_, rank)| rank));
        if last {
            return all;
        }
    }
}

proptest! {
    #[test]
    fn it_finds_what_the_model_finds(
        changes in prop::collection::vec(change(), 0..60),
        queries in prop::collection::vec(title(), 1..6),
        limit in 1..5_usize,
    ) {
        let (mut index, mut plain) = (Titles::default(), BTreeMap::new());
        for (number, title) in changes {
            let id = id(number);
            match title {
                Some(title) => {
                    index.put(&id, &title);
                    plain.insert(id, title);
                }
                None => {
                    index.remove(&id);
                    plain.remove(&id);
                }
            }
        }
        for query in queries {
            let query = Query::new(&query).unwrap();
            prop_assert_eq!(paged(&index, &query, limit), expected(&plain, &query));
        }
        let (mut anew, left) = (Titles::default(), plain.keys().cloned().collect::<Vec<_>>());
        plain.iter().for_each(|(id, title)| anew.put(id, title));
        prop_assert_eq!(index.bytes(), anew.bytes());
        left.iter().for_each(|id| index.remove(id));
        prop_assert_eq!((index.bytes(), index.words.len()), (0, 0));
    }
}
