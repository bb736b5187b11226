//! Random records in every format: every valid record must round-trip.

use proptest::collection::vec;
use proptest::prelude::*;
use sizecompare::format::{Format, Record};
use sizecompare::record::{Aggregate, Classic, Metadata, Movie, Movies, Rating};

/// Text as allowed by the domain types: any character but control characters, leading and trailing white space
/// included, and words that have another meaning in YAML and XML.
fn text() -> impl Strategy<Value = String> {
    let any = vec(any::<char>().prop_filter("no control characters", |c| !c.is_control()), 0..20);
    let awkward = prop::sample::select(vec![
        "",
        " ",
        "null",
        "~",
        "true",
        "no",
        "1.0",
        "0x1F",
        "1e3",
        "- a",
        "a: b",
        "# c",
        "'",
        "\"",
        "\\",
        "&amp;",
        "<a/>",
        "]]>",
        "{}",
        "[]",
        "a\u{2028}b",
        "\u{feff}",
        "|",
        ">",
        "%",
        "@",
        "`",
        "*a",
        "&a",
        "!t",
        "?",
        " lead",
        "trail ",
        "2026-11-21",
        "日本語",
        "🎬",
        "\u{301}",
        "=",
        "<<",
        "---",
        "...",
    ]);
    prop_oneof![any.prop_map(|chars| chars.into_iter().collect()), awkward.prop_map(String::from)]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MAX), Just(i64::MIN), Just(0), -200_i64..200]
}

fn float() -> impl Strategy<Value = f64> {
    use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO, Just(f64::MAX), Just(7.0), 1.0..10.0]
}

fn classic() -> impl Strategy<Value = Classic> {
    (text(), text(), text(), text()).prop_map(|(id, title, description, director)| Classic {
        id,
        title,
        description,
        director,
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let year = any::<i32>().prop_filter("0 is no year", |year| *year != 0);
    (classic(), prop::option::of(year), vec(text(), 0..4), number()).prop_map(
        |(classic, release_year, genres, revision)| {
            let Classic { id, title, description, director } = classic;
            Metadata { id, title, description, director, release_year, genres, revision }
        },
    )
}

fn aggregate() -> impl Strategy<Value = Aggregate> {
    (number(), number(), float(), float(), vec(number(), 0..11), number()).prop_map(
        |(count, sum, mean, weighted_mean, histogram, revision)| Aggregate {
            count,
            sum,
            mean,
            weighted_mean,
            histogram,
            revision,
        },
    )
}

fn movie() -> impl Strategy<Value = Movie> {
    (metadata(), prop::option::of(aggregate()), vec(text(), 0..3))
        .prop_map(|(metadata, rating, partial)| Movie { metadata, rating, partial })
}

fn movies() -> impl Strategy<Value = Movies> {
    vec(movie(), 0..4).prop_map(|movies| Movies { movies })
}

fn rating() -> impl Strategy<Value = Rating> {
    // A provider's id is never empty, but may be absent.
    let provider = prop::option::of(text().prop_filter("not empty", |text| !text.is_empty()));
    (text(), text(), text(), any::<i32>(), provider, number()).prop_map(
        |(user_id, record_id, record_type, value, provider_id, rated_at)| Rating {
            user_id,
            record_id,
            record_type,
            value,
            provider_id,
            rated_at,
        },
    )
}

/// Binding a record to a format encodes, decodes and compares it.
fn goes_round(record: &impl Record) -> Result<(), TestCaseError> {
    for format in Format::all() {
        if let Err(error) = format.bind(record) {
            return Err(TestCaseError::fail(format!("{}: {error:#}", format.about().name)));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn classic_record_round_trips(record in classic()) {
        goes_round(&record)?;
    }

    #[test]
    fn metadata_comes_back(record in metadata()) {
        goes_round(&record)?;
    }

    #[test]
    fn movie_round_trips(record in movie()) {
        goes_round(&record)?;
    }

    #[test]
    fn list_round_trips(record in movies()) {
        goes_round(&record)?;
    }

    #[test]
    fn rating_round_trips(record in rating()) {
        goes_round(&record)?;
    }
}
