//! Search: the same records in the same order as the model ranks them.

use crate::Outcome;
use crate::movies::{id, movie};
use crate::store::Store;
use metadata::repository::Repository;
use model::Metadata;
use model::search::{Query, Rank};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const PIECES: &[&str] = &[
    "Amélie",
    "amelie",
    "AMÉLIE",
    "Ame\u{301}lie",
    "Am",
    "amel",
    "Star",
    "Stars",
    "star",
    "Wars",
    "War",
    "the",
    "The",
    "a",
    "A",
    "é",
    "I",
    "II",
    "2",
    "20",
    "2001",
    "２００１",
    "NEAR",
    "AND",
    "OR",
    "NOT",
    "title",
    "words",
    "Straße",
    "STRASSE",
    "千と千尋の神隠し",
    "千と",
    "千",
    "Солярис",
    "солярис",
    "Сол",
    "Ἰλιάς",
    "İstanbul",
    "istanbul",
    "ﬁn",
    "fin",
    "Ⅳ",
    "iv",
    "x²",
    "ｱﾊﾟｰﾄ",
    "नमस्ते",
    "🎬",
    "ŉ",
    "o'clock",
    "d'Amélie",
    "œuvre",
    "٣",
    "ǅ",
    "Ꟶ",
];
const BETWEEN: &[&str] = &[
    " ", " ", " ", " ", "-", ": ", "", "%", "_", "*", "\"", "'", "\\", "(", ")", "^", "+", " & ", " | ", "!",
    ":*", "\u{a0}", "\u{2019}", "\u{200b}", ".", "{", "}",
];

pub(crate) async fn finds_words_and_prefixes(store: Store) -> Outcome {
    put(
        &store,
        &["Le Fabuleux Destin d'Amélie Poulain", "Amelia", "Star Wars", "Star Warship", "Wars of the Star"],
    )
    .await?;
    for (query, expected) in [
        ("amelie", &["0"][..]),
        ("AMÉL", &["1", "0"]),
        ("poulain amelie", &["0"]),
        ("star wars", &["2", "4", "3"]),
        ("wars star wars", &["2", "4", "3"]),
        ("tar", &[]),
        ("star trek", &[]),
    ] {
        assert_eq!(found(&store, query).await?, expected, "{query}");
    }
    Ok(())
}

pub(crate) async fn follows_renames_and_deletes(store: Store) -> Outcome {
    put(&store, &["Alien", "Aliens"]).await?;
    store.repository.batch_put(&[movie("0", "Star")]).await?;
    assert_eq!(found(&store, "alien").await?, ["1"]);
    assert_eq!(found(&store, "star").await?, ["0"]);
    store.repository.delete(&id("1")).await?;
    assert!(found(&store, "alien").await?.is_empty());
    store.repository.batch_put(&[movie("1", "Alien")]).await?;
    assert_eq!(found(&store, "alien").await?, ["1"]);
    Ok(())
}

pub(crate) async fn treats_special_characters_literally(store: Store) -> Outcome {
    put(&store, &["100 % Star", "Star_Wars", "O'Brien \"The\" Man", "NOT a NEAR miss", "Stir"]).await?;
    for (query, expected) in [
        ("%", &[][..]),
        ("*", &[]),
        ("_", &[]),
        ("\"", &[]),
        ("'", &[]),
        ("st%r", &[]),
        ("st_r", &[]),
        ("st*r", &[]),
        ("100%", &["0"]),
        ("star*", &["0", "1"]),
        ("\"star wars\"", &["1"]),
        ("o'b", &["2"]),
        ("\"the\" OR x", &[]),
        ("NOT", &["3"]),
        ("NEAR(miss a)", &["3"]),
        ("words : star", &[]),
        ("star & !wars", &["1"]),
        ("star:* | \\", &["0", "1"]),
    ] {
        assert_eq!(found(&store, query).await?, expected, "{query}");
    }
    Ok(())
}

pub(crate) async fn takes_as_many_words_as_fit(store: Store) -> Outcome {
    let words: Vec<_> =
        (0..170).map(|i| format!("{:02}", i % 100) + if i < 100 { "" } else { "x" }).collect();
    let title: String = words.iter().take(150).cloned().collect::<Vec<_>>().join(" ");
    put(&store, &[&title, "01 02"]).await?;
    assert_eq!(found(&store, &title).await?, ["0"]);
    assert_eq!(found(&store, &format!("{title} 9z")).await?, [""; 0]);
    Ok(())
}

pub(crate) async fn distinguishes_words_of_any_length(store: Store) -> Outcome {
    // One character of three bytes that folds to six of three: words of over 3,000 bytes.
    let long = "㌖".repeat(150);
    let titles = [format!("{long}a"), format!("{long}b"), long.clone(), "x".repeat(400), "x".repeat(300)];
    put(&store, &titles.each_ref().map(String::as_str)).await?;
    assert_eq!(found(&store, &titles[0]).await?, ["0"]);
    assert_eq!(found(&store, &long).await?, ["2", "0", "1"]);
    assert_eq!(found(&store, &"x".repeat(300)).await?, ["4", "3"]);
    assert_eq!(found(&store, &"x".repeat(301)).await?, ["3"]);
    Ok(())
}

pub(crate) async fn agrees_with_model(store: Store) -> Outcome {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let movies: Vec<_> = (0..400)
        .map(|i| {
            let prefix = ["", "a", "Z", "é", "_"].choose(&mut random).copied().unwrap_or_default();
            movie(&format!("{prefix}{i}"), &text(&mut random, 8))
        })
        .collect();
    store.repository.batch_put(&movies).await?;
    for _ in 0..150 {
        let text = text(&mut random, 3);
        let query = Query::new(&text)?;
        let expected = ranked(&movies, &query);
        let size = random.random_range(1..60);
        let found = paged(&*store.repository, &query, size).await?;
        assert_eq!(found, expected, "seed {seed}, query {text:?}, pages of {size}");
    }
    Ok(())
}

async fn put(store: &Store, titles: &[&str]) -> Outcome {
    let movies: Vec<_> = titles.iter().enumerate().map(|(i, title)| movie(&i.to_string(), title)).collect();
    store.repository.batch_put(&movies).await?;
    Ok(())
}

async fn found(store: &Store, query: &str) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
    let found = store.repository.search(&Query::new(query)?, None, 100).await?;
    Ok(found.into_iter().map(|(metadata, _)| metadata.id.to_string()).collect())
}

/// Returns a random title or query of up to `pieces` pieces.
fn text(random: &mut StdRng, pieces: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.random_range(1..=pieces) {
        let piece = PIECES.choose(random).copied().unwrap_or_default();
        let cut = random.random_range(1..=piece.chars().count() * 3);
        text.extend(piece.chars().take(cut));
        text.push_str(BETWEEN.choose(random).copied().unwrap_or_default());
    }
    text
}

fn ranked(movies: &[Metadata], query: &Query) -> Vec<Rank> {
    let mut ranks: Vec<_> =
        movies.iter().filter_map(|movie| query.rank(movie.title.as_str(), movie.id.as_str())).collect();
    ranks.sort();
    ranks
}

async fn paged(repository: &dyn Repository, query: &Query, size: usize) -> Result<Vec<Rank>, storage::Error> {
    let mut all: Vec<Rank> = Vec::new();
    loop {
        let page = repository.search(query, all.last(), size).await?;
        let last = page.len() < size;
        for (metadata, rank) in page {
            assert_eq!(metadata.id.as_str(), rank.id());
            all.push(rank);
        }
        if last {
            return Ok(all);
        }
    }
}
