//! Whether a request that found no answer can have been executed.

use client::Class;
use std::error::Error;
use std::iter::successors;

/// What an exchange that broke off says about its request, whose errors are `error` and its causes.
///
/// It was not executed where no connection came about, where it never left this side (hyper calls that
/// cancelled), where the instance refused its stream, and where a GOAWAY named a last stream before its own: h2
/// gives a remote GOAWAY to no other stream, those that the instance may have seen end with the connection (RFC
/// 9113, 6.8 and 8.7). Otherwise it may have been.
pub(super) fn class(error: &(dyn Error + 'static)) -> Class {
    let mut causes = successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    if causes.any(is_unsent) { Class::Unsent } else { Class::Broken }
}

fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    if error.is::<tonic::ConnectError>() {
        return true;
    }
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect();
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return error.is_canceled();
    }
    error.downcast_ref::<h2::Error>().is_some_and(|error| {
        let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (refused || error.is_go_away())
    })
}
