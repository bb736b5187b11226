//! Fills the stack through its public interfaces: movies through the metadata service, ratings through Kafka.

pub mod catalogue;
pub(crate) mod feed;
pub(crate) mod lag;
mod movies;
mod progress;
mod skipped;
pub mod source;
pub mod users;

use api::metadata::v1::metadata_service_client::MetadataServiceClient;
use api::movie::v1::GetMovieDetailsRequest;
use api::movie::v1::movie_service_client::MovieServiceClient;
use discovery::Instance;
use lag::Lag;
use progress::Progress;
use ratingingester::Producer;
use ratingingester::config::{Cluster, Kafka};
pub use skipped::Skipped;
use source::{Ratings, Source};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use trace::Tracer;
use users::SimulatedUsers;

/// The rating service's default topic and consumer group.
const TOPIC: &str = "ratings";
const GROUP: &str = "rating";
/// The time limit for a loaded movie to be served completely.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of loading, and what continues.
pub struct Loaded {
    /// The number of movies.
    pub movies: u64,
    /// The number of ratings.
    pub ratings: u64,
    /// The rows of the files that were skipped.
    pub skipped: Skipped,
    /// The producer for further ratings.
    pub producer: Arc<Producer>,
    /// The simulated users who continue to rate.
    pub flow: Option<SimulatedUsers>,
}

/// Loads everything from `source` and waits until every movie is stored and every rating applied. `tracer` is for the
/// ratings that follow.
pub async fn load(
    source: &Source,
    kafka: Cluster,
    metadata: &Instance,
    tracer: Tracer,
    stop: CancellationToken,
) -> anyhow::Result<Loaded> {
    let (movies, ratings) = source.size()?;
    let progress = Arc::new(Progress::new(movies, ratings));
    let Ratings { start, flow } = source.ratings()?;
    let (mut skipped_movies, mut skipped_ratings) = (Skipped::default(), Skipped::default());
    let ratings = tokio::task::spawn_blocking({
        let progress = Arc::clone(&progress);
        move || {
            let lag = Lag::open(&kafka, TOPIC, GROUP)?;
            let kafka = Kafka { cluster: kafka, topic: TOPIC.to_owned() };
            let producer = Producer::open(&kafka, Box::new(|_| ()))?;
            let applied = |count| progress.ratings.set_position(count);
            let start = start.filter_map(|row| skipped_ratings.usable(row));
            let count = feed::send_all(&producer, &lag, start, applied, &stop)?;
            anyhow::Ok((count, skipped_ratings, Arc::new(producer.with_tracer(tracer))))
        }
    });
    let mut client = MetadataServiceClient::new(channel(metadata)?);
    let movies = source.movies()?.filter_map(|row| skipped_movies.usable(row));
    let movies = movies::store(&mut client, movies, |count| progress.movies.inc(count)).await?;
    let (ratings, skipped_ratings, producer) = ratings.await??;
    progress.finish();
    let skipped = skipped_movies.and(skipped_ratings);
    Ok(Loaded { movies, ratings, skipped, producer, flow })
}

/// Waits until the movie service at `movie` serves the movie `id` completely.
pub async fn joined(movie: &Instance, id: &str) -> anyhow::Result<()> {
    let mut client = MovieServiceClient::new(channel(movie)?);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = GetMovieDetailsRequest { movie_id: id.to_owned() };
        let last = match client.get_movie_details(request).await {
            Ok(response) => {
                let partial = response.into_inner().movie_details.unwrap_or_default().partial;
                if partial.is_empty() {
                    return Ok(());
                }
                format!("its response lacks {}", partial.join(", "))
            }
            Err(status) => status.message().to_owned(),
        };
        anyhow::ensure!(
            Instant::now() < deadline,
            "the movie service does not serve movie {id} with its ratings: {last}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns a connection to `instance`, opened at the first call.
fn channel(instance: &Instance) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{}", instance.authority()))?.connect_lazy())
}
