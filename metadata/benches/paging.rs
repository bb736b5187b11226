//! Does reading a page cost the same wherever it is in a list, and however long the list is?
//!
//! `cargo bench -p metadata --bench paging` prints how long it takes to read a page of 50 movies from SQLite: the
//! first, the middle and the last page of 1,000, 10,000 and 100,000 movies. The controller and the protocols are not
//! measured.

#![expect(clippy::expect_used, reason = "a bench may end by a panic")]

use criterion::{BenchmarkId, Criterion, Throughput};
use metadata::batch::Write;
use metadata::repository::{Repository, sqlite};
use model::{Genres, Metadata, RecordId, Text, Title};
use storage::sqlite::Synchronous;
use storage::testing::File;

const PAGE: usize = 50;

fn id(number: usize) -> RecordId {
    RecordId::new(format!("movie-{number:06}")).expect("a good id")
}

fn movie(number: usize) -> Metadata {
    Metadata {
        id: id(number),
        title: Title::new(format!("The Movie {number}")).expect("a good title"),
        description: Text::description("What it is about, in a sentence.").expect("a good text"),
        director: Text::director("Foo Bars").expect("a good name"),
        release_year: None,
        genres: Genres::new(vec!["Drama".into()]).expect("good genres"),
        revision: 0,
    }
}

async fn stored(count: usize, file: &File) -> sqlite::Repository {
    let store = sqlite::Repository::open(&file.path(), Synchronous::Normal).await.expect("it opens");
    let movies: Vec<Metadata> = (0..count).map(movie).collect();
    for batch in movies.chunks(5_000) {
        store.apply(&[Write::Put(batch.to_vec())]).await.expect("it is stored");
    }
    store
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("page");
    group.throughput(Throughput::Elements(PAGE as u64));
    for count in [1_000, 10_000, 100_000] {
        let file = File::new().expect("there is room for a file");
        let store = runtime.block_on(stored(count, &file));
        let places = [("first", None), ("middle", Some(id(count / 2))), ("last", Some(id(count - PAGE - 1)))];
        for (place, after) in places {
            group.bench_function(BenchmarkId::new(place, count), |bencher| {
                bencher.to_async(&runtime).iter(|| async {
                    let page = store.list(after.as_ref(), PAGE).await.expect("it is read");
                    assert_eq!(page.len(), PAGE);
                });
            });
        }
        runtime.block_on(store.close());
    }
    group.finish();
    criterion.final_summary();
}
