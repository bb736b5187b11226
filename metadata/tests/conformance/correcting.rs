//! Correction of typos, against a comparison with every word of every title.

use crate::Outcome;
use crate::movies::movie;
use crate::searching::{put, ranked};
use crate::store::Store;
use model::search::{Index, Query, correction, similar, words};
use model::{Metadata, page};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

pub(crate) async fn finds_similar_words(store: Store) -> Outcome {
    let titles =
        ["Interstellar", "Alien", "Aliens", "Amélie", "Solaris", "Солярис", "Up", "Spider-Man", "Jaws"];
    put(&store, &titles).await?;
    for (word, expected) in [
        ("interstelar", &["interstellar"][..]),
        ("xnterstellar", &["interstellar"]),
        ("interstellra", &["interstellar"]),
        ("interxstellar", &["interstellar"]),
        ("aliena", &["alien", "aliens"]),
        ("aline", &["alien"]),
        ("maelie", &["amelie"]),
        ("солерис", &["солярис"]),
        ("spidermann", &["spiderman"]),
        ("jawss", &["jaws"]),
        ("intrstelar", &[]),
    ] {
        assert_eq!(store.repository.similar_words(word).await?, expected, "{word}");
    }
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let mut letters = |least: usize, most: usize| -> String {
        (0..random.random_range(least..=most)).map(|_| *b"abc".choose(&mut random).unwrap() as char).collect()
    };
    let known: Vec<String> = (0..60).map(|_| letters(4, 8)).collect();
    let movies: Vec<_> = known.iter().enumerate().map(|(i, word)| movie(&format!("r{i}"), word)).collect();
    store.repository.batch_put(&movies).await?;
    for _ in 0..200 {
        let word = letters(5, 8);
        let expected = similar(&word, known.iter().map(String::as_str));
        assert_eq!(store.repository.similar_words(&word).await?, expected, "seed {seed}, {word}");
    }
    Ok(())
}

pub(crate) async fn corrects_queries_without_matches(store: Store) -> Outcome {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let mut letters = |least: usize, most: usize| -> String {
        (0..random.random_range(least..=most)).map(|_| *b"abc".choose(&mut random).unwrap() as char).collect()
    };
    let titles: Vec<String> =
        (0..40).map(|i| format!("{} {}", letters(4, 7), letters(1 + i % 6, 7))).collect();
    let movies: Vec<_> =
        titles.iter().enumerate().map(|(i, title)| movie(&format!("{i:02}"), title)).collect();
    store.repository.batch_put(&movies).await?;
    let known: Vec<String> = titles.iter().flat_map(|title| words(title)).collect();
    let (controller, request) = (store.repository.controller(), page::Request::default());
    let mut corrections = 0;
    for i in 0..150 {
        let text = if i % 3 == 0 { letters(5, 7) } else { format!("{} {}", letters(4, 7), letters(5, 7)) };
        let expected = corrected(&movies, &known, &text)?;
        corrections += usize::from(expected.is_some());
        let found = controller.search(&text, &request).await?;
        assert_eq!(found.corrected, expected, "seed {seed}, {text}");
        let ids: Vec<_> = found.page.items.iter().map(|metadata| metadata.id.to_string()).collect();
        let ranked = ranked(&movies, &Query::new(expected.as_ref().unwrap_or(&text))?);
        let ranked: Vec<_> = ranked.into_iter().map(|rank| rank.id().to_owned()).collect();
        assert_eq!(ids, ranked, "seed {seed}, {text}");
    }
    assert!(corrections > 10, "seed {seed}: {corrections} corrections");
    Ok(())
}

/// Returns the correction of `text` by comparing it with every word of every title.
fn corrected(
    movies: &[Metadata],
    known: &[String],
    text: &str,
) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    let query = Query::new(text)?;
    if !ranked(movies, &query).is_empty() {
        return Ok(None);
    }
    let mut meant = query.clone();
    for (place, word) in query.words().iter().enumerate() {
        if word.text().len() >= 5 {
            meant = meant.with_alternatives(place, similar(word.text(), known.iter().map(String::as_str)));
        }
    }
    let best = ranked(movies, &meant).into_iter().next();
    let title = best.and_then(|best| movies.iter().find(|movie| movie.id.as_str() == best.id()));
    Ok(title.and_then(|title| correction(&query, &Index::of(title.title.as_str()))))
}
