//! What is found by what people type.

use super::*;

mod unicode;

fn finds(query: &str, title: &str) -> bool {
    Query::new(query).unwrap().rank(&Index::of(title), "1").is_some()
}

/// Returns `titles` that `query` matches, in order.
fn ranked<'a>(query: &str, titles: &[&'a str]) -> Vec<&'a str> {
    let query = Query::new(query).unwrap();
    let rank = |(place, title): (usize, &&'a str)| {
        query.rank(&Index::of(title), &format!("{place:03}")).map(|rank| (rank, *title))
    };
    let mut found: Vec<_> = titles.iter().enumerate().filter_map(rank).collect();
    found.sort();
    found.into_iter().map(|(_, title)| title).collect()
}

#[test]
fn words_are_folded_for_case_and_accents() {
    for (text, expected) in [
        ("Le Fabuleux Destin d'Amélie Poulain", "le fabuleux destin d amelie poulain"),
        ("STRASSE straße STRAẞE", "strasse strasse strasse"),
        ("Ame\u{301}lie ＡＢＣ１２ ﬁn", "amelie abc12 fin"),
        ("ΣΊΣΥΦΟΣ σίσυφος ᾳ", "σισυφοσ σισυφοσ αι"),
        ("Wałęsa Łódź Bølgen Æon Œuf Đorđe", "walesa lodz bolgen aeon oeuf dorde"),
        ("İstanbul ISTANBUL ıstanbul Þór Ðað ŋ", "istanbul istanbul istanbul thor dad ng"),
        ("8½ Alien³ H₂O ㎏ Ⅳ™", "8 1 2 alien 3 h 2 o kg iv tm"),
        ("Ama\u{ad}lie Star\u{200b}gate می\u{200c}خواهم ❤\u{fe0f}", "amalie stargate میخواهم"),
        ("Hawaiʻi L’Œuf ŉ", "hawai i l oeuf n"),
        ("שָׁלוֹם مُحَمَّد Ёлка", "שלום محمد елка"),
        ("हिन्दी ガラス ｶﾞﾗｽ น้ำ", "हिन्दी ガラス ガラス น้ํา"),
        ("千と2001年宇宙の旅 AKIRAアキラ", "千と 2001 年宇宙の旅 akira アキラ"),
        (" -*%_\" \u{301} ", ""),
    ] {
        assert_eq!(words(text).join(" "), expected, "{text}");
    }
}

#[test]
fn marks_that_spell_words_distinguish_them() {
    for (one, other) in [("かき", "がき"), ("हाल", "हल"), ("ข้าว", "ขาว")] {
        assert_ne!(words(one), words(other));
    }
}

#[test]
fn titles_are_found_as_people_type_them() {
    for (title, queries) in [
        ("DIE GROẞE FREIHEIT", &["große freiheit", "grosse freiheit", "GROSSE"][..]),
        ("Wałęsa", &["walesa", "wałęsa"]),
        ("Łódź", &["lodz", "łodz", "LÓDŹ"]),
        ("Æon Flux", &["aeon", "æon flux"]),
        ("Đorđe", &["dorde"]),
        ("8½", &["8 1/2", "8½", "8 1 2", "8-1/2"]),
        ("Alien³", &["alien 3", "alien3", "alien³"]),
        ("CO₂", &["co2", "co 2", "co₂"]),
        ("Ama\u{ad}lie", &["amalie"]),
        ("Star\u{200b}gate", &["stargate"]),
        ("می\u{200c}خواهم", &["میخواهم"]),
        ("Hawaiʻi", &["hawaii", "hawai'i", "hawai’i", "hawai i", "hawaiʻi"]),
        ("千と千尋の神隠し", &["千尋", "神隠し", "千と千尋", "し", "千尋の神", "千と千尋の神隠し"]),
        ("スター・ウォーズ", &["スター", "ウォーズ", "スターウォーズ", "ｽﾀｰ ｳｫｰｽﾞ", "ウォ"]),
        (
            "風の谷のナウシカと長い長い物語",
            &["風の谷のナウシカと長い長い物語", "谷のナウシカと長い長い", "物語"],
        ),
        ("ฉลาดเกมส์โกง", &["เกมส์", "โกง"]),
        ("2001年宇宙の旅", &["2001", "宇宙の旅", "2001年", "2001 宇宙"]),
        ("3:10 to Yuma", &["310 to yuma", "3 10 to yuma", "3:10"]),
        ("S.H.I.E.L.D.", &["shield", "s.h.i.e.l.d", "s h i e l d", "shi"]),
    ] {
        for query in queries {
            assert!(finds(query, title), "{query} must find {title}");
        }
    }
}

#[test]
fn both_spellings_are_found_by_each() {
    for spellings in [
        &["Schindler's List", "Schindlers List", "schindler’s list", "schindler s list"][..],
        &["Ocean's Eleven", "oceans eleven"],
        &["L'Œuf", "l oeuf", "loeuf", "l’oeuf"],
        &["WALL·E", "walle", "wall e", "wall-e"],
        &["M*A*S*H", "mash", "m a s h"],
        &["X-Men", "xmen", "x men"],
        &["Spider-Man", "spiderman"],
        &["AC/DC", "acdc"],
    ] {
        for title in spellings {
            for query in spellings {
                // Blanks alone may separate movies' words, so that a title with them has no joined form.
                if title.matches(' ').count() <= query.matches(' ').count() {
                    assert!(finds(query, title), "{query} must find {title}");
                }
            }
        }
    }
    for title in ["Spider-Man", "Spiderman"] {
        assert!(finds("spider man", title));
        assert!(finds("spider m", title));
    }
}

#[test]
fn numbers_do_not_merge() {
    for (query, title) in [
        ("81", "8½"),
        ("812", "8½"),
        ("12", "8½"),
        ("102", "10²"),
        ("8½", "812"),
        ("8 ½", "81 2"),
        ("2 1", "21 Grams"),
        ("331", "Naked Gun 33⅓"),
    ] {
        assert!(!finds(query, title), "{query} must not find {title}");
    }
}

#[test]
fn every_query_word_must_be_a_prefix_of_a_title_word() {
    assert!(finds("star war", "Star Wars: Episode IV"));
    assert!(!finds("star war", "Star Trek"));
    assert!(!finds("tar", "Star"));
    assert!(!finds("%", "100 %"));
    assert!(!finds("尋千", "千と千尋の神隠し"));
    assert!(!finds("man spider", "Spiderman"));
}

#[test]
fn order_is_whole_words_then_shorter_titles_then_ids() {
    let titles = ["Star Warship", "Wars of the Star", "Star Wars", "Star Wars"];
    assert_eq!(ranked("star wars", &titles), ["Star Wars", "Star Wars", "Wars of the Star", "Star Warship"]);
    assert_eq!(ranked("walle", &["Wallenberg", "WALL·E"]), ["WALL·E", "Wallenberg"]);
    assert_eq!(ranked("神隠し", &["千と千尋の神隠し", "神隠し"]), ["神隠し", "千と千尋の神隠し"]);
    let long = "風の谷のナウシカと長い長い物語";
    assert_eq!(ranked(long, &[&format!("続{long}"), long]), [long.to_owned(), format!("続{long}")]);
}

#[test]
fn only_own_words_are_counted() {
    let query = Query::new("spiderman").unwrap();
    let rank = query.rank(&Index::of("Spider-Man"), "1").unwrap();
    assert_eq!((rank.whole(), rank.words()), (1, 2));
    assert_eq!(Index::of("千と千尋の神隠し").own().len(), 1);
}

#[test]
fn alternative_is_matched_as_whole_word() {
    let query = Query::new("intersteller 2014").unwrap();
    assert!(query.rank(&Index::of("Interstellar (2014)"), "1").is_none());
    let corrected = query.with_alternatives(0, ["interstellar".into()]);
    assert_eq!(corrected.rank(&Index::of("Interstellar (2014)"), "1").unwrap().whole(), 2);
    assert!(corrected.rank(&Index::of("Interstellars (2014)"), "1").is_none());
    let long = "x".repeat(MAX_TERM + 1);
    let query = Query::new(&format!("{long} short")).unwrap();
    assert_eq!(query.clone().with_alternatives(0, ["y".into()]), query);
    assert_eq!(query.clone().with_alternatives(1, [long]), query);
    assert_eq!(query.clone().with_alternatives(2, ["y".into()]), query);
}

#[test]
fn queries_with_the_same_words_have_the_same_key() {
    let key = |text| Query::new(text).unwrap().key();
    assert_eq!(key("Star Wars"), key("star, WARS!"));
    assert_ne!(key("starwars"), key("star wars"));
    let query = Query::new("star").unwrap();
    assert_ne!(query.clone().with_alternatives(0, ["stars".into()]).key(), query.key());
}

#[test]
fn size_of_index_and_query_is_bounded() {
    for unit in ["a.", "a-b'", "か", "・か", "ㇰ゙", "น้ำ", "½", "㎏", "ﷺ", "ﬃ.", "ῼ ", "𠮷", "x", "H₂"]
    {
        let text = unit.repeat(512 / unit.len());
        let index = Index::of(&text);
        let bytes = |words: &[String]| words.iter().map(String::len).sum::<usize>();
        assert!(bytes(index.own()) <= 12 * 512, "{unit}");
        assert!(bytes(index.joined()) <= 16 * 1024, "{unit}: {}", bytes(index.joined()));
        assert!(bytes(index.inner()) <= 8 * 1024, "{unit}: {}", bytes(index.inner()));
        let query = Query::new(&text).unwrap();
        assert!(query.words().len() <= 256, "{unit}");
        assert!(query.words().iter().all(|word| word.terms().len() <= 8), "{unit}");
        assert!(query.rank(&index, "1").is_some(), "{unit}");
    }
}
