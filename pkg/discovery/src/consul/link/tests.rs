//! Reports of several clients, and their consequences for all.

use super::*;

fn away() -> Result<(), Error> {
    Err(Error::new(Kind::Unavailable, "connection refused"))
}

fn refused() -> Result<(), Error> {
    Err(Error::new(Kind::PermissionDenied, "no"))
}

#[test]
fn unreachable_from_first_failure_until_no_client_fails() {
    let link = Link::new("http://127.0.0.1:8500");
    let [one, two] = [Asker::watch(&link), Asker::writer(&link)];
    assert!(link.is_up(), "nobody has asked yet");
    one.note(&away());
    two.note(&away());
    one.note(&Ok(()));
    assert!(!link.is_up(), "two still fails");
    two.note(&Ok(()));
    assert!(link.is_up());
}

#[test]
fn rejection_is_a_response() {
    let link = Link::new("");
    for asker in [Asker::watch(&link), Asker::writer(&link)] {
        asker.note(&refused());
        assert!(link.is_up());
    }
}

#[test]
fn dropped_client_neither_blocks_recovery_nor_proves_it() {
    let link = Link::new("");
    let [one, two] = [Asker::watch(&link), Asker::watch(&link)];
    one.note(&away());
    drop(one);
    assert!(!link.is_up());
    two.note(&Ok(()));
    assert!(link.is_up());
}

#[test]
fn password_in_url_is_not_logged() {
    assert_eq!(Link::new("https://me:secret@consul:8501/x").consul, "consul:8501/x");
}

#[tokio::test(start_paused = true)]
async fn outage_noticed_by_one_client_casts_doubt_on_responses_to_all() {
    let link = Link::new("");
    let (_watch, writer) = (Asker::watch(&link), Asker::writer(&link));
    let step = Duration::from_secs(1);
    let asked = Instant::now();
    assert_eq!(link.last_doubt(asked, asked), None);
    tokio::time::advance(step).await;
    writer.note(&away());
    tokio::time::advance(step).await;
    let now = Instant::now();
    assert_eq!(link.last_doubt(now, now), Some(now), "it is still away");
    writer.note(&Ok(()));
    tokio::time::advance(step).await;
    let later = Instant::now();
    assert_eq!(link.last_doubt(later, later), Some(now), "asked after its return");
    assert_eq!(link.last_doubt(asked, later), Some(later), "asked before its return");
}

#[tokio::test(start_paused = true)]
async fn rejected_heartbeat_casts_doubt_and_rejected_watch_does_not() {
    let link = Link::new("");
    let (watch, writer) = (Asker::watch(&link), Asker::writer(&link));
    let now = Instant::now();
    watch.note(&refused());
    assert_eq!((link.last_doubt(now, now), link.doubts().unusable), (None, 0));
    writer.note(&refused());
    assert_eq!((link.last_doubt(now, now), link.doubts().unusable), (Some(now), 1));
}

#[tokio::test(start_paused = true)]
async fn overdue_heartbeat_casts_doubt_until_after_next() {
    let link = Link::new("");
    link.beat();
    tokio::time::advance(OVERDUE).await;
    let now = Instant::now();
    assert_eq!(link.last_doubt(now, now), None);
    tokio::time::advance(Duration::from_millis(1)).await;
    let late = Instant::now();
    assert_eq!(link.last_doubt(late, late), Some(late));
    link.beat();
    tokio::time::advance(Duration::from_secs(1)).await;
    let now = Instant::now();
    assert_eq!(link.last_doubt(now, now), Some(late));
    link.rest();
    tokio::time::advance(3 * OVERDUE).await;
    let now = Instant::now();
    assert_eq!(link.last_doubt(now, now), Some(late), "nothing is registered");
}
