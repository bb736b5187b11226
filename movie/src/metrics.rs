//! Metrics of the calls to the backend services.

use client::{InstanceStatistics, Instances, Statistics, TRY_SECONDS};
use meter::Sampler;
use std::fmt;

/// Returns the samples of a metric for one service, each with the value of the metric's further label if it has one.
type Samples = fn(&Statistics) -> Vec<(Option<&'static str>, u64)>;

/// A metric: name, help, further label, samples.
type Metric = (&'static str, &'static str, &'static str, Samples);

const COUNTERS: [Metric; 7] = [
    ("client_calls", "Calls to a service, by outcome", "outcome", |of| named(&of.calls)),
    ("client_tries", "Requests sent to an instance of a service", "", |of| one(of.tries)),
    ("client_retries", "Retries, by the failure of the previous try", "reason", |of| named(&of.retries)),
    ("client_hedges", "Hedged requests sent", "", |of| one(of.hedges)),
    ("client_hedges_won", "Hedged requests whose response came first", "", |of| one(of.hedges_won)),
    ("client_budget_refusals", "Retries and hedged requests refused by the retry budget", "", |of| {
        one(of.refusals)
    }),
    ("client_ejections", "Times a worker ejected an instance", "", |of| one(of.ejections)),
];

const GAUGES: [Metric; 4] = [
    ("client_instances", "Known instances of a service", "", |of| one(of.instances)),
    ("client_instances_ejected", "Known instances that a worker has ejected", "", |of| one(of.ejected)),
    ("client_tries_in_flight", "Requests to a service in flight", "", |of| one(of.in_flight)),
    (
        "client_retry_budget_balance",
        "Retries and hedged requests that the retry budgets of all workers allow now",
        "",
        |of| one(of.budget_balance),
    ),
];

fn one(number: u64) -> Vec<(Option<&'static str>, u64)> {
    vec![(None, number)]
}

fn named(numbers: &[(&'static str, u64)]) -> Vec<(Option<&'static str>, u64)> {
    numbers.iter().map(|(name, number)| (Some(*name), *number)).collect()
}

/// Encodes the metrics of the calls to `services`, labelled with the service's name.
pub(crate) fn sample(services: &[Instances], to: &mut Sampler<'_>) -> fmt::Result {
    let services = services.iter().map(|service| (service.service(), service.statistics()));
    let services: Vec<_> = services.collect();
    for (name, help, label, samples) in COUNTERS {
        to.counters(name, help, rows(&services, label, samples))?;
    }
    for (name, help, label, samples) in GAUGES {
        to.gauges(name, help, rows(&services, label, samples))?;
    }
    instances(&services, to)
}

fn rows<'a>(
    services: &'a [(&'a str, Statistics)],
    label: &'a str,
    samples: Samples,
) -> impl Iterator<Item = (Vec<(&'a str, &'a str)>, u64)> {
    services.iter().flat_map(move |(service, statistics)| {
        samples(statistics).into_iter().map(move |(value, number)| {
            let labels = [("service", *service)].into_iter().chain(value.map(|value| (label, value)));
            (labels.collect(), number)
        })
    })
}

/// Encodes the metrics of each instance.
fn instances(services: &[(&str, Statistics)], to: &mut Sampler<'_>) -> fmt::Result {
    let instances = || {
        services.iter().flat_map(|(service, statistics)| {
            let labels = |of: &'_ InstanceStatistics| {
                [("service", (*service).to_owned()), ("instance", of.id.clone())]
            };
            statistics.by_instance.iter().map(move |instance| (labels(instance), instance))
        })
    };
    let tries = instances().flat_map(|([service, id], instance)| {
        instance.tries.iter().map(move |(outcome, tries)| {
            ([service.clone(), id.clone(), ("outcome", (*outcome).to_owned())], *tries)
        })
    });
    to.counters("client_requests", "Requests to an instance that have ended, by outcome", tries)?;
    let help = "Time of a request to an instance from its start to its end";
    let durations = instances().map(|(labels, instance)| (labels, instance.durations));
    to.histograms("client_request_duration_seconds", help, &TRY_SECONDS, durations)?;
    let ejected = instances().filter_map(|(labels, instance)| Some((labels, u64::from(instance.ejected?))));
    to.gauges("client_instance_ejected", "1 if a worker has ejected the instance", ejected)
}
