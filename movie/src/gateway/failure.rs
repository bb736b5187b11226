//! Decides whether a request without a response may have been executed.

use client::Class;
use std::error::Error;
use std::iter::successors;

/// Classifies an interrupted exchange by its `error` and the causes of that.
///
/// The request was not executed if no connection was made, if it never left this side (hyper reports it as cancelled),
/// if the instance refused its stream, or if a GOAWAY named an earlier last stream: h2 reports a remote GOAWAY to no
/// other stream, and streams that the instance may have processed end with the connection (RFC 9113, 6.8 and 8.7).
/// Otherwise it may have been executed. A GOAWAY for too many resets, from either side, is the fault of other calls.
pub(super) fn class(error: &(dyn Error + 'static)) -> Class {
    let causes = || successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    if causes().any(is_cut) {
        Class::Cut
    } else if causes().any(is_unsent) {
        Class::Unsent
    } else {
        Class::Broken
    }
}

fn is_cut(error: &(dyn Error + 'static)) -> bool {
    let calm =
        |error: &h2::Error| error.is_go_away() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM);
    error.downcast_ref().is_some_and(calm)
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
