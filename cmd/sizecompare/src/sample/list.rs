//! A hundred generated movies: always the same, some without a year, some without a rating.

use super::aggregate::aggregate;
use crate::record::{Metadata, Movie, Movies};
use model::Histogram;

const COUNT: usize = 100;

const QUALITIES: [&str; 11] = [
    "Silent", "Crimson", "Last", "Hidden", "Paper", "Electric", "Northern", "Broken", "Golden", "Second",
    "Hollow",
];
const THINGS: [&str; 13] = [
    "Harbour", "Orchard", "Signal", "Carousel", "Witness", "Garden", "Meridian", "Lantern", "Bridge",
    "Winter", "Parade", "Station", "Mirror",
];
const PEOPLE: [&str; 9] = [
    "a retired cartographer",
    "two estranged sisters",
    "a night-shift nurse",
    "the town's only clockmaker",
    "a failed magician",
    "an apprentice beekeeper",
    "a ship's radio operator",
    "a boy who can't sleep",
    "the last projectionist",
];
const EVENTS: [&str; 7] = [
    "finds a door that was never on any plan",
    "must cross the valley before the thaw",
    "receives a postcard dated next spring",
    "learns to play the piece that ended the war",
    "follows a stranger who wears their own coat",
    "inherits a debt from someone still alive",
    "starts a rumour that turns out to be true",
];
const DIRECTORS: [&str; 17] = [
    "Ines Okafor",
    "Tomáš Havel",
    "Lena Fischer",
    "Mateo Ruiz",
    "Yuki Tanaka",
    "Priya Nair",
    "Olaf Lindqvist",
    "Chloé Martin",
    "Samuel Osei",
    "Nadia Haddad",
    "Pavel Novotný",
    "Grace Kim",
    "Diego Fuentes",
    "Aisha Bello",
    "Henrik Dahl",
    "Mei Chen",
    "Rosa Conti",
];
const GENRES: [&str; 8] =
    ["Drama", "Comedy", "Thriller", "Romance", "Sci-Fi", "Documentary", "Animation", "Crime"];

pub(super) fn movies() -> Movies {
    Movies { movies: (0..COUNT).map(movie).collect() }
}

fn movie(number: usize) -> Movie {
    let genres = (0..=number % 3).map(|nth| GENRES[(number + 3 * nth) % GENRES.len()].into());
    let metadata = Metadata {
        id: (10_000 + 37 * number).to_string(),
        title: format!("The {} {}", pick(&QUALITIES, number), pick(&THINGS, number)),
        description: format!("In which {} {}.", pick(&PEOPLE, number / 2), pick(&EVENTS, number)),
        director: pick(&DIRECTORS, 5 * number).into(),
        release_year: (number % 9 != 8).then(|| 1950 + (31 * number % 76) as i32),
        genres: genres.collect(),
        revision: 1_000 + number as i64,
    };
    let popularity = (number * number) as u64 % 1_009;
    let mut counts = [0; 10];
    for (value, count) in (1..).zip(&mut counts) {
        *count = if number % 10 == 9 { 0 } else { popularity * value / (3 + value * value % 11) };
    }
    Movie { metadata, rating: aggregate(&Histogram::new(counts), 7 * number as i64), partial: Vec::new() }
}

fn pick<const N: usize>(words: &[&'static str; N], number: usize) -> &'static str {
    words[number % N]
}
