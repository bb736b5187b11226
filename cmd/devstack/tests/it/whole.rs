//! The whole stack with its built-in catalogue and simulated users.

use crate::process::{FREE_PORTS, Process, Stack, call_text, devstack, free_port, get};
use devstack::loading::catalogue;
use devstack::loading::source::{BURST, SEED};
use devstack::loading::users::SimulatedUsers;
use model::RatingEvent;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// Each movie's histogram, by id.
type Histograms = HashMap<String, Vec<u64>>;

/// Returns the result of the users' first ratings, then that after each further one.
fn expected() -> impl Iterator<Item = Histograms> {
    let users = SimulatedUsers::new(&catalogue::movies().unwrap(), SEED).unwrap();
    let (mut histograms, mut ratings) = (Histograms::new(), HashMap::new());
    users
        .map(move |event| {
            let movie = event.record().record_id.as_str().to_owned();
            let counts = histograms.entry(movie.clone()).or_insert_with(|| vec![0; 10]);
            let before = match event {
                RatingEvent::Put(rating) => {
                    counts[rating.value.index()] += 1;
                    ratings.insert((movie, rating.user_id), rating.value)
                }
                RatingEvent::Delete { user_id, .. } => ratings.remove(&(movie, user_id)),
            };
            if let Some(before) = before {
                counts[before.index()] -= 1;
            }
            histograms.clone()
        })
        .skip(BURST - 1)
}

/// Returns what the movie service serves.
fn served(stack: &Stack) -> Histograms {
    let ids: Vec<String> = (1..=104).map(|id: u32| id.to_string()).collect();
    let answer = stack.get("movie", &format!("/v1/movies?ids={}", ids.join(",")));
    let movies = answer["movies"].as_array().unwrap();
    assert_eq!(movies.len(), 104);
    movies
        .iter()
        .map(|movie| {
            let histogram = movie["rating"]["histogram"].as_array().unwrap();
            (text(&movie["metadata"]["id"]), histogram.iter().map(|count| count.as_u64().unwrap()).collect())
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn movies_and_ratings_from_kafka_are_joined() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path(), &[]);

    let histograms = served(&stack);
    let theirs = expected().take(300).any(|expected| expected == histograms);
    assert!(theirs, "the served ratings are not those of the users");

    let movie = stack.get("movie", "/movie?id=1");
    assert_eq!(movie["metadata"]["title"], "Amélie");
    assert!((1.0..=10.0).contains(&movie["rating"].as_f64().unwrap()), "{movie}");
    let found = stack.get("movie", "/v1/movies?query=amelie");
    assert_eq!(found["movies"][0]["metadata"]["id"], "1");
    assert!(found["movies"][0].get("partial").is_none(), "{found}");
    let top = stack.get("movie", "/v1/top/movies?pageSize=3");
    assert_eq!(top["movies"].as_array().unwrap().len(), 3);

    eventually("users go on rating", || served(&stack) != histograms);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn rating_is_stored_after_restart_and_deleted_by_fresh() {
    let data = tempfile::tempdir().unwrap();
    let mine = "/v1/ratings/movie/104/users/me";

    let stack = Stack::start(data.path(), &[]);
    let (status, _) = stack.call("PUT", "rating", "/rating?id=104&type=movie&userId=me&value=9");
    assert_eq!(status, 201);
    assert_eq!(stack.stop().code(), Some(0));

    let stack = Stack::start(data.path(), &[]);
    assert_eq!(stack.get("rating", mine)["value"], 9);
    assert_eq!(stack.stop().code(), Some(0));

    let stack = Stack::start(data.path(), &["--fresh"]);
    assert_eq!(stack.call("GET", "rating", mine).0, 404);
    assert_eq!(served(&stack).len(), 104);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn both_services_can_store_everything_in_memory() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::start(data.path(), &["--database", "memory:"]);
    assert_eq!(served(&stack).len(), 104);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn stack_in_shared_registry_prints_its_own_instances() {
    let data = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let first = Stack::start(data[0].path(), &[]);
    let consul = format!("http://{}", first.address("registry"));
    let second = Stack::start(data[1].path(), &["--consul", &consul]);
    for part in ["metadata", "rating", "movie"] {
        assert_ne!(first.address(part), second.address(part), "{part}");
    }
    let rate = "/rating?id=1&type=movie&userId=only-here&value=9";
    assert_eq!(second.call("PUT", "rating", rate).0, 201);
    let mine = "/v1/ratings/movie/1/users/only-here";
    assert_eq!(second.get("rating", mine)["value"], 9);
    assert_eq!(first.call("GET", "rating", mine).0, 404);
    assert_eq!(second.stop().code(), Some(0));
    assert_eq!(first.stop().code(), Some(0));
}

#[test]
fn every_instance_serves_the_same_data() {
    let data = tempfile::tempdir().unwrap();
    for flags in [&["--instances=3"][..], &["--instances=3", "--database=memory:"]] {
        let stack = Stack::start(data.path(), flags);
        let agent = stack.address("registry");
        for (service, path) in
            [("metadata", "/v1/metadata/104"), ("rating", "/v1/ratings/movie/104/users/me")]
        {
            let (_, instances) = get(agent, &format!("/v1/health/service/{service}?passing")).unwrap();
            let instances: Vec<String> = instances
                .as_array()
                .unwrap()
                .iter()
                .map(|instance| {
                    let service = &instance["Service"];
                    format!("{}:{}", text(&service["Address"]), service["Port"])
                })
                .collect();
            assert_eq!(instances.len(), 3);
            assert!(instances.iter().any(|address| address == stack.address(service)), "{instances:?}");
            for (value, instance) in (1..).zip(&instances) {
                let rating = format!("/rating?id=104&type=movie&userId=me&value={value}");
                // Written through one instance, read through all.
                if service == "rating" {
                    assert!(matches!(call_text("PUT", instance, &rating).unwrap().0, 200 | 201));
                }
                for reader in &instances {
                    let (status, body) = get(reader, path).unwrap();
                    assert_eq!(status, 200, "{body}");
                    assert!(service == "metadata" || body["value"] == value, "{body}");
                }
            }
            let ingesting = |address: &&String| {
                get(address, "/v1/ingestion").is_some_and(|(_, body)| body["enabled"] == true)
            };
            assert_eq!(instances.iter().filter(ingesting).count(), usize::from(service == "rating"));
        }
        assert_eq!(stack.stop().code(), Some(0));
    }
}

#[test]
fn unread_standard_output_does_not_delay_the_stack() {
    let data = tempfile::tempdir().unwrap();
    // As much as a pipe takes.
    let (_unread, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; 64 * 1024]).unwrap();
    let metadata = format!("127.0.0.1:{}", free_port());
    let mut command = devstack();
    command.arg("--data-dir").arg(data.path()).args(["--database", "memory:", "--workers", "2"]);
    command.args(FREE_PORTS.iter().filter(|flag| !flag.starts_with("--metadata")));
    let stack = Process::spawn(command.arg(format!("--metadata-listen={metadata}")).stdout(full));
    // The movies are loaded after the first lines are printed.
    eventually("the movies are loaded", || {
        get(&metadata, "/v1/metadata/104").is_some_and(|(status, _)| status == 200)
    });
    assert_eq!(stack.stop().code(), Some(0));
}
