//! Metrics of the calls to the backend services.

use client::{Instances, Statistics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;

/// Registers the metrics of `services` with `registry`, labelled with the service's name.
pub(crate) fn register(registry: &mut Registry, services: Vec<Instances>) {
    registry.register_collector(Box::new(Calls { services }));
}

#[derive(Debug)]
struct Calls {
    services: Vec<Instances>,
}

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

const GAUGES: [Metric; 3] = [
    ("client_instances", "Known instances of a service", "", |of| one(of.instances)),
    ("client_instances_ejected", "Known instances that a worker has ejected", "", |of| one(of.ejected)),
    ("client_tries_in_flight", "Requests to a service in flight", "", |of| one(of.in_flight)),
];

fn one(number: u64) -> Vec<(Option<&'static str>, u64)> {
    vec![(None, number)]
}

fn named(numbers: &[(&'static str, u64)]) -> Vec<(Option<&'static str>, u64)> {
    numbers.iter().map(|(name, number)| (Some(*name), *number)).collect()
}

impl Collector for Calls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let services = self.services.iter().map(|service| (service.service(), service.statistics()));
        let services: Vec<_> = services.collect();
        for counter in COUNTERS {
            write(&mut encoder, &services, counter, ConstCounter::new)?;
        }
        for gauge in GAUGES {
            write(&mut encoder, &services, gauge, ConstGauge::new)?;
        }
        Ok(())
    }
}

fn write<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    services: &[(&str, Statistics)],
    (name, help, label, samples): Metric,
    metric: fn(u64) -> M,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, metric(0).metric_type())?;
    for (service, statistics) in services {
        for (value, number) in samples(statistics) {
            let service = [("service", *service)];
            let labels = service.into_iter().chain(value.map(|value| (label, value)));
            metric(number).encode(family.encode_family(&labels.collect::<Vec<_>>())?)?;
        }
    }
    Ok(())
}
