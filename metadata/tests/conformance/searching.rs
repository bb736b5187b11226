//! Search: the same records in the same order as the model ranks them.

use crate::Outcome;
use crate::movies::{id, movie};
use crate::store::Store;
use metadata::repository::Repository;
use model::Metadata;
use model::search::{Index, Query, Rank, words};
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
    "Spider",
    "Man",
    "Spiderman",
    "m",
    "s",
    "Schindler",
    "8½",
    "Alien³",
    "H₂O",
    "œuf",
    "尋",
    "神隠し",
    "スター",
    "ウォーズ",
    "เกมส์",
    "น้ำ",
    "ﷺ",
    "\u{3099}",
];
const BETWEEN: &[&str] = &[
    " ", " ", " ", " ", "-", ": ", "", "%", "_", "*", "\"", "'", "\\", "(", ")", "^", "+", " & ", " | ", "!",
    ":*", "\u{a0}", "\u{2019}", "\u{200b}", ".", "{", "}", "-", "'", "/", "·", "・", "ʻ", "\u{ad}", ",",
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

pub(crate) async fn finds_what_people_type(store: Store) -> Outcome {
    let titles = [
        "DIE GROẞE FREIHEIT",
        "Wałęsa",
        "8½",
        "Schindler's List",
        "Hawaiʻi",
        "WALL·E",
        "M*A*S*H",
        "Spider-Man",
        "Spiderman",
        "千と千尋の神隠し",
        "神隠し",
        "Ama\u{ad}lie",
        "Star\u{200b}gate",
    ];
    put(&store, &titles).await?;
    for (query, expected) in [
        ("große freiheit", &["0"][..]),
        ("grosse", &["0"]),
        ("walesa", &["1"]),
        ("8 1/2", &["2"]),
        ("81", &[]),
        ("schindlers list", &["3"]),
        ("schindler s list", &["3"]),
        ("hawaii", &["4"]),
        ("walle", &["5"]),
        ("wall e", &["5"]),
        ("mash", &["6"]),
        ("m a s h", &["6"]),
        ("spiderman", &["8", "7"]),
        ("spider man", &["7", "8"]),
        ("千尋", &["9"]),
        ("神隠し", &["10", "9"]),
        ("amalie", &["11"]),
        ("stargate", &["12"]),
    ] {
        assert_eq!(found(&store, query).await?, expected, "{query}");
    }
    Ok(())
}

pub(crate) async fn takes_queries_of_any_shape(store: Store) -> Outcome {
    let letters: Vec<char> = ('a'..='z').chain('0'..='9').chain('а'..='я').chain('一'..='俿').collect();
    let pairs = letters.iter().flat_map(|a| letters.iter().take(30).map(move |b| format!("{a}{b}")));
    let pairs: Vec<_> = pairs.collect();
    let longest = |pieces: &mut dyn Iterator<Item = String>| {
        pieces
            .scan(String::new(), |all, piece| {
                let fits = all.len() + piece.len() <= 512;
                if fits {
                    all.push_str(&piece);
                }
                fits.then(|| all.clone())
            })
            .last()
            .unwrap_or_default()
    };
    let texts = [
        longest(&mut letters.iter().map(|letter| format!("{letter} "))),
        longest(&mut letters.iter().map(|letter| format!("{letter}.")).take(512)),
        longest(&mut letters.iter().skip(68).map(char::to_string)),
        longest(&mut letters.iter().skip(68).map(|letter| format!("{letter}・"))),
        longest(&mut pairs.iter().map(|pair| format!("{pair} "))),
        longest(&mut pairs.iter().rev().map(|pair| format!("{pair}-"))),
        longest(&mut pairs.iter().map(|pair| format!("{pair}ﷺ½㎏"))),
        longest(&mut pairs.iter().cloned()),
        "\"'\\:*()".repeat(64),
    ];
    let titles: Vec<&str> = texts.iter().map(String::as_str).collect();
    put(&store, &titles).await?;
    let movies: Vec<_> = titles.iter().enumerate().map(|(i, title)| movie(&i.to_string(), title)).collect();
    for (place, text) in texts.iter().enumerate() {
        let query = Query::new(text)?;
        let expected = ranked(&movies, &query);
        assert_eq!(expected.iter().any(|rank| rank.id() == place.to_string()), place < 8, "{text}");
        assert_eq!(paged(&*store.repository, &query, 5).await?, expected, "{text}");
        let corrected = query.with_alternatives(0, (0..200).map(|i| format!("word{i}")));
        assert_eq!(paged(&*store.repository, &corrected, 5).await?, ranked(&movies, &corrected), "{text}");
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
    // One letter of three bytes that folds to four of two: words of 1,200 bytes.
    let long = "ﷲ".repeat(150);
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
        let mut query = Query::new(&text)?;
        if random.random_bool(0.3) {
            let title = PIECES.choose(&mut random).copied().unwrap_or_default();
            query = query.with_alternatives(random.random_range(0..3), words(title));
        }
        let expected = ranked(&movies, &query);
        let size = random.random_range(1..60);
        let found = paged(&*store.repository, &query, size).await?;
        assert_eq!(found, expected, "seed {seed}, query {query:?}, pages of {size}");
    }
    Ok(())
}

pub(crate) async fn put(store: &Store, titles: &[&str]) -> Outcome {
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

pub(crate) fn ranked(movies: &[Metadata], query: &Query) -> Vec<Rank> {
    let rank = |movie: &Metadata| query.rank(&Index::of(movie.title.as_str()), movie.id.as_str());
    let mut ranks: Vec<_> = movies.iter().filter_map(rank).collect();
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
