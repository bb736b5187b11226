//! Rows that a real PostgreSQL refuses with SQLSTATE classes 22 and 23.

use crate::broker::Broker;
use crate::service::{self, Service, wait_for};
use crate::{put, puts};
use rating::repository::{Repository, postgres};
use sqlx::{ConnectOptions, Connection};
use std::sync::Arc;
use storage::testing::Database;

/// Refuses the ratings of one user by a constraint, and those of value 9 by a data exception.
const RULES: &str = "
    ALTER TABLE rating.rater ADD CONSTRAINT no_u13 CHECK (user_id <> 'u13');
    CREATE FUNCTION rating.no_nine() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.value = 9 THEN RAISE EXCEPTION 'no nines' USING ERRCODE = '22003'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER no_nine BEFORE INSERT OR UPDATE ON rating.rating
        FOR EACH ROW EXECUTE FUNCTION rating.no_nine();
";

pub(crate) async fn a_row_that_the_database_refuses_is_a_dead_letter(server: String) {
    const EVENTS: usize = 40;
    let database = Database::create(&server).await.unwrap();
    let repository = Arc::new(postgres::Repository::open(&database.options(), 2).await.unwrap());
    let mut connection = database.options().connect().await.unwrap();
    sqlx::raw_sql(RULES).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let broker = Broker::start(1).await;
    let nine = r#"{ "userId":"nine", "recordId":"0", "recordType":"movie", "value":9, "more":[] }"#;
    broker.produce(&puts(0..EVENTS / 2));
    broker.send(None, Some(b"a key"), Some(nine.as_bytes()));
    broker.produce(&puts(EVENTS / 2..EVENTS));
    let service = Service::start(&broker, repository.clone());
    let good = EVENTS as u64 - 1;
    wait_for("the good events", || async { service.events("created") == good && service.is_ready() }).await;
    assert_eq!((service.events("rejected"), service.events("unchanged")), (2, 0));
    assert_eq!(service::aggregate(&*repository, 0).await, (good, good * 7));

    let letters = broker.read_dead_letters(2);
    let find = |text: &str| letters.iter().find(|letter| letter.headers["reason"].contains(text)).unwrap();
    let (user, value) = (find("no_u13"), find("no nines"));
    assert_eq!(user.value.as_deref(), Some(put(13, 0).1.as_bytes()));
    assert_eq!(user.headers["offset"], "13");
    assert_eq!((value.key.as_deref(), value.value.as_deref()), (Some(&b"a key"[..]), Some(nine.as_bytes())));
    assert_eq!(value.headers["offset"], "20");
    let end = service.report().partitions[0].stored_offset;
    assert_eq!(end, Some(EVENTS as i64 + 1));
    service.stop().await;
    repository.close().await;
}
