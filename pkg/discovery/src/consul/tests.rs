//! Two watches and a registration against a simulated Consul that is disconnected, restarted and loses heartbeats at
//! random, checked against the instances that are really running; time is simulated.

use super::*;
use crate::Registry as _;
use crate::registration;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const SERVICES: [&str; 2] = ["metadata", "rating"];
const GRACE: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_secs(30);

/// The result of requests while Consul is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// They are rejected.
    Refused,
    /// Nothing is delivered until the connection is restored, then everything.
    Swallowed,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    /// The number of times that its memory, and every connection, was lost.
    epoch: u64,
    index: u64,
    /// When each check was last passed, by service and instance.
    beats: BTreeMap<(String, String), Instant>,
    /// The last listed set, so that a change advances the index.
    listed: Vec<(String, String)>,
}

impl State {
    /// Expires checks; returns the ids that pass.
    fn passing(&mut self, service: &str) -> Vec<String> {
        let now = Instant::now();
        let alive = self.beats.iter().filter(|(_, beat)| now.duration_since(**beat) < registration::TTL);
        let listed: Vec<_> = alive.map(|(key, _)| key.clone()).collect();
        if listed != self.listed {
            self.index += 1;
            self.listed = listed;
        }
        let of_service = self.listed.iter().filter(|(of, _)| of == service);
        of_service.map(|(_, id)| id.clone()).collect()
    }
}

/// A simulated Consul; clones share the state.
#[derive(Clone, Default)]
struct Simulated(Arc<(Mutex<State>, Notify)>);

impl Simulated {
    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut self.0.0.lock().unwrap());
        self.0.1.notify_waiters();
        result
    }

    /// Waits until requests and responses are delivered.
    async fn delivered(&self) -> Result<(), Error> {
        loop {
            match self.0.0.lock().unwrap().cut {
                None => return Ok(()),
                Some(Cut::Refused) => return Err(Error::new(Kind::Unavailable, "refused")),
                Some(Cut::Swallowed) => {}
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn pass(&self, service: &str, id: &str) -> Result<(), Error> {
        self.delivered().await?;
        let key = (service.to_owned(), id.to_owned());
        self.state(|state| state.beats.insert(key, Instant::now()));
        Ok(())
    }
}

fn ok(index: Option<u64>, body: String) -> Result<Answer, Error> {
    Ok(Answer { status: 200, index, body: body.into_bytes(), ..Answer::default() })
}

#[async_trait]
impl Ask for Simulated {
    async fn register(&self, instance: &Instance) -> Result<Answer, Error> {
        Simulated::pass(self, &instance.service, &instance.id).await?;
        ok(None, String::new())
    }

    async fn pass(&self, check: &str) -> Result<Answer, Error> {
        self.delivered().await?;
        let id = check.trim_start_matches("service:");
        let known = self.state(|state| {
            let beat = state.beats.iter_mut().find(|((_, known), _)| known == id);
            beat.map(|(_, beat)| *beat = Instant::now()).is_some()
        });
        Ok(Answer { status: if known { 200 } else { 404 }, ..Answer::default() })
    }

    async fn deregister(&self, id: &str) -> Result<Answer, Error> {
        self.delivered().await?;
        self.state(|state| state.beats.retain(|(_, known), _| known != id));
        ok(None, String::new())
    }

    async fn passing(&self, service: &str, index: u64, wait: Duration) -> Result<Answer, Error> {
        self.delivered().await?;
        let (asked, epoch) = (Instant::now(), self.state(|state| state.epoch));
        let (ids, current) = loop {
            let (ids, current) = self.state(|state| (state.passing(service), state.index));
            if current != index || asked.elapsed() >= wait {
                break (ids, current);
            }
            sleep(Duration::from_millis(50)).await;
        };
        // The response is as old as the disconnection.
        self.delivered().await?;
        if self.state(|state| state.epoch) != epoch {
            return Err(Error::new(Kind::Unavailable, "connection reset"));
        }
        let row = |id: &String| format!(r#"{{"Service":{{"ID":"{id}","Address":"h","Port":1}}}}"#);
        ok(Some(current), format!("[{}]", ids.iter().map(row).collect::<Vec<_>>().join(",")))
    }
}

/// A backend that keeps itself registered until it is cancelled.
fn backend(consul: &Simulated, service: &'static str, id: String, offset: Duration) -> CancellationToken {
    let (consul, stop) = (consul.clone(), CancellationToken::new());
    let beats = async move {
        sleep(offset).await;
        loop {
            let _ = timeout(WRITE, consul.pass(service, &id)).await;
            sleep(registration::HEARTBEAT).await;
        }
    };
    tokio::spawn(stop.clone().run_until_cancelled_owned(beats));
    stop
}

struct World {
    consul: Simulated,
    registry: Arc<Registry>,
    /// The last set of each service.
    seen: [Arc<Mutex<InstanceSet>>; 2],
    running: [BTreeMap<String, CancellationToken>; 2],
}

impl World {
    /// Starts five backends of each service, and waits until all of them are seen.
    async fn start(random: &mut StdRng) -> Self {
        let consul = Simulated::default();
        let config = Config { grace: GRACE, wait: WAIT, ..Config::default() };
        let registry = Arc::new(Registry::asking(Arc::new(consul.clone()), &config));
        let seen = SERVICES.map(|service| {
            let (seen, mut watch) = (Arc::new(Mutex::new(InstanceSet::from([]))), registry.watch(service));
            let last = seen.clone();
            tokio::spawn(async move {
                while let Some(set) = watch.next().await {
                    *last.lock().unwrap() = set;
                }
            });
            seen
        });
        let movie = Instance {
            service: "movie".into(),
            id: "movie-1".into(),
            host: "h".into(),
            port: 1,
            tags: Vec::new(),
        };
        tokio::spawn(registration::announce(registry.clone(), movie, CancellationToken::new()));
        let running = SERVICES.map(|service| {
            let start = |number| {
                let id = format!("{service}-{number}");
                let offset = Duration::from_millis(random.random_range(0..5000));
                (id.clone(), backend(&consul, service, id, offset))
            };
            (0..5).map(start).collect()
        });
        let world = Self { consul, registry, seen, running };
        sleep(Duration::from_secs(6)).await;
        assert_eq!(world.sizes(), [5, 5]);
        world
    }

    fn sizes(&self) -> [usize; 2] {
        [0, 1].map(|service| self.seen[service].lock().unwrap().len())
    }

    fn stop(&mut self, service: usize) {
        for (id, stop) in std::mem::take(&mut self.running[service]) {
            stop.cancel();
            self.consul.state(|state| state.beats.remove(&(SERVICES[service].to_owned(), id)));
        }
    }
}

/// Everything runs all the time, but Consul is disconnected repeatedly, for shorter or longer than a TTL or a poll,
/// and sometimes returns with its memory lost: movie always knows at least half of the instances, and after the grace
/// of a calm period exactly those that run. A service that is stopped then is gone immediately.
#[test]
fn no_outage_removes_instances_and_stopped_instances_are_removed() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut world = World::start(&mut random).await;
            for _ in 0..random.random_range(1..5) {
                let cut = [Cut::Refused, Cut::Swallowed][random.random_range(0..2)];
                world.consul.state(|state| state.cut = Some(cut));
                let lasts = Duration::from_millis(random.random_range(300..45_000));
                let forgets = random.random_ratio(1, 3);
                step(&world, lasts, (seed, cut)).await;
                world.consul.state(|state| {
                    state.cut = None;
                    if forgets {
                        state.epoch += 1;
                        state.beats.clear();
                    }
                });
                step(&world, Duration::from_millis(random.random_range(10..60_000)), (seed, cut)).await;
            }
            step(&world, GRACE + WAIT, (seed, Cut::Refused)).await;
            assert_eq!(world.sizes(), [5, 5], "seed {seed}");
            assert_eq!(world.registry.doubts(), Doubts::default(), "seed {seed}");
            let stops = random.random_range(0..2);
            world.stop(stops);
            sleep(Duration::from_millis(500)).await;
            assert_eq!(world.sizes()[stops], 0, "seed {seed}: the registry was never away");
        });
    }
}

/// Advances the time, and checks at each step.
async fn step(world: &World, lasts: Duration, context: impl fmt::Debug) {
    let until = Instant::now() + lasts;
    while Instant::now() < until {
        sleep(Duration::from_millis(200)).await;
        assert!(world.sizes().iter().all(|size| *size >= 3), "{context:?}: {:?}", world.sizes());
    }
}

/// A service that stops during an outage is removed after the grace, and not before.
#[tokio::test(start_paused = true)]
async fn instance_stopped_during_outage_is_removed_after_grace() {
    let mut world = World::start(&mut StdRng::seed_from_u64(1)).await;
    world.consul.state(|state| state.cut = Some(Cut::Swallowed));
    sleep(Duration::from_secs(20)).await;
    world.stop(1);
    world.consul.state(|state| state.cut = None);
    sleep(GRACE - Duration::from_secs(1)).await;
    assert_eq!(world.sizes(), [5, 5]);
    assert_eq!(world.registry.doubts().retaining, 1);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(world.sizes(), [5, 0]);
    assert_eq!(world.registry.doubts(), Doubts::default());
}
