//! What every store of metadata must do, in memory, SQLite and PostgreSQL, each as it is and with a cache before
//! it. The cases of PostgreSQL run where
//! `MARQUEE_TEST_POSTGRES` names a server.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing to unwrap")]

mod durability;
mod films;
mod fresh;
mod reading;
mod searching;
mod store;
mod writing;

use futures::future::{BoxFuture, FutureExt};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Backend, Kind, Store};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
type Run = Arc<dyn Fn(Store) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// A behaviour, and which stores it is asked of.
struct Case {
    name: &'static str,
    kinds: &'static [Kind],
    run: Run,
}

const EVERY: &[Kind] = &[Kind::Memory, Kind::Sqlite, Kind::Postgres];
const DURABLE: &[Kind] = &[Kind::Sqlite, Kind::Postgres];

fn main() -> ExitCode {
    let cases = [
        case("an_absent_id_is_none", EVERY, reading::an_absent_id_is_none),
        case("batch_get_answers_in_the_order_asked", EVERY, reading::batch_get_answers_in_the_order_asked),
        case("ids_are_compared_byte_by_byte", EVERY, reading::ids_are_compared_byte_by_byte),
        case("a_list_is_ordered_by_bytes", EVERY, reading::a_list_is_ordered_by_bytes),
        case("a_list_gives_what_stays_exactly_once", EVERY, reading::a_list_gives_what_stays_exactly_once),
        case("put_keeps_every_field", EVERY, writing::put_keeps_every_field),
        case("put_replaces", EVERY, writing::put_replaces),
        case("put_of_the_same_changes_nothing", EVERY, writing::put_of_the_same_changes_nothing),
        case("a_batch_takes_revisions_in_its_order", EVERY, writing::a_batch_takes_revisions_in_its_order),
        case("a_batch_of_500_at_full_length_is_kept", EVERY, writing::a_batch_of_500_at_full_length_is_kept),
        case("delete_takes_a_revision", EVERY, writing::delete_takes_a_revision),
        case("writers_at_once_are_served_one_by_one", EVERY, writing::writers_at_once_are_served_one_by_one),
        case("one_of_many_creators_creates", EVERY, writing::one_of_many_creators_creates),
        case(
            "changes_show_in_the_order_of_revisions",
            EVERY,
            writing::changes_show_in_the_order_of_revisions,
        ),
        case(
            "no_read_answers_what_was_before_a_write_that_was_answered",
            EVERY,
            fresh::no_read_answers_what_was_before_a_write_that_was_answered,
        ),
        case(
            "a_put_whose_caller_has_gone_away_shows_or_has_not_been",
            EVERY,
            fresh::a_put_whose_caller_has_gone_away_shows_or_has_not_been,
        ),
        case("search_finds_words_and_their_beginnings", EVERY, searching::finds_words_and_their_beginnings),
        case("search_follows_renaming_and_deleting", EVERY, searching::follows_renaming_and_deleting),
        case("search_takes_wild_characters_literally", EVERY, searching::takes_wild_characters_literally),
        case("search_takes_as_many_words_as_fit", EVERY, searching::takes_as_many_words_as_fit),
        case("search_tells_words_of_any_length_apart", EVERY, searching::tells_words_of_any_length_apart),
        case("search_agrees_with_the_model", EVERY, searching::agrees_with_the_model),
        case("what_is_stored_survives", DURABLE, durability::what_is_stored_survives),
        case("a_batch_that_fails_leaves_nothing", DURABLE, durability::a_batch_that_fails_leaves_nothing),
        case("a_delete_leaves_a_tombstone", DURABLE, durability::a_delete_leaves_a_tombstone),
        case("a_row_that_breaks_a_rule_is_named", DURABLE, durability::a_row_that_breaks_a_rule_is_named),
        case("a_closed_store_is_unavailable", DURABLE, durability::a_closed_store_is_unavailable),
    ];
    let trials = cases.iter().flat_map(|case| {
        let backends =
            case.kinds.iter().flat_map(|&kind| [false, true].map(|cached| Backend { kind, cached }));
        backends.map(|backend| trial(case, backend))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn case<F>(name: &'static str, kinds: &'static [Kind], run: fn(Store) -> F) -> Case
where
    F: Future<Output = Outcome> + Send + 'static,
{
    Case { name, kinds, run: Arc::new(move |store| run(store).boxed()) }
}

fn trial(case: &Case, backend: Backend) -> Trial {
    let run = case.run.clone();
    Trial::ignorable_test(format!("{}::{}", backend.name(), case.name), move || {
        if let Err(reason) = backend.available() {
            return Ok(Completion::ignored_with(reason));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let outcome = runtime.block_on(async { run(Store::open(backend).await?).await });
        outcome.map(|()| Completion::Completed).map_err(|error| Failed::from(format!("{error:?}")))
    })
}
