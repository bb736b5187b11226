// Traces and log records, in stores with limits.
import { between, latency, pick, random } from './random.mjs';
import { event, read, write } from './spans.mjs';

const MAX_TRACES = 5000;
const MAX_LOGS = 5000;

const bounded = (number, most) => Math.min(most, Math.max(1, Number(number) || 50));

export class Traces {
  constructor() {
    this.all = [];
    this.gone = new Set();
    this.dropped = {};
    this.received = 0;
  }

  counts() {
    return {
      stored: this.all.length,
      limit: MAX_TRACES,
      received: this.received,
      dropped: this.dropped,
      spans: this.all.length * 9,
      bytes: this.all.length * 5200,
    };
  }

  drop(id) {
    const at = id ? this.all.findIndex((trace) => trace.traceId === id) : 0;
    const [trace] = this.all.splice(at, 1);
    if (!trace) return;
    this.gone.add(trace.traceId);
    if (this.gone.size > 1000) this.gone.delete(this.gone.values().next().value);
    this.dropped[trace.service] = (this.dropped[trace.service] ?? 0) + 1;
  }

  keep(trace) {
    this.all.push(trace);
    this.received += trace.spans.length;
    while (this.all.length > MAX_TRACES) this.drop();
    return trace;
  }

  tick(timeMs, fleet) {
    return Array.from({ length: 3 }, () =>
      this.keep(pick([read, read, read, write, event])(timeMs - between(0, 900), fleet)),
    );
  }

  add(timeMs, fleet, { method, path, service }, status) {
    const trace = this.keep((service === 'rating' && method === 'PUT' ? write : read)(timeMs, fleet, { path, status }));
    return trace;
  }

  list({ service, route, status, minDurationMs = 0, text, order = 'newest', limit }) {
    const needle = text?.toLowerCase();
    const found = this.all.filter(
      (trace) =>
        (!service || trace.services.includes(service)) &&
        (!route || trace.name === route) &&
        (!status || trace.error === (status === 'error')) &&
        (order !== 'failed' || trace.error) &&
        trace.durationMs >= Number(minDurationMs) &&
        (!needle || JSON.stringify(trace).toLowerCase().includes(needle)),
    );
    found.sort(order === 'slowest' ? (a, b) => b.durationMs - a.durationMs : (a, b) => b.startMs - a.startMs);
    return {
      traces: found.slice(0, bounded(limit, 500)).map(({ spans, ...trace }) => ({ ...trace, spans: spans.length })),
      stored: this.all.length,
      limit: MAX_TRACES,
      dropped: this.dropped,
      services: ['metadata', 'movie', 'rating', 'ratingingester'].filter(() => this.all.length > 0),
      routes: [...new Set(this.all.map((trace) => trace.name))].sort(),
    };
  }

  detail(id) {
    const trace = this.all.find((one) => one.traceId === id);
    return (
      trace && { traceId: id, startMs: trace.startMs, durationMs: trace.durationMs, complete: true, spans: trace.spans }
    );
  }
}

const MESSAGES = {
  movie: [
    ['info', 'served', 'movie::access'],
    ['warn', 'try failed, another instance is called', 'client::caller'],
    ['debug', 'batch of 4 reads sent', 'movie::gateway::coalesce'],
  ],
  metadata: [
    ['info', 'served', 'metadata::access'],
    ['debug', 'cache: 4 of 4 found', 'metadata::repository'],
  ],
  rating: [
    ['info', 'batch committed', 'rating::writer'],
    ['debug', 'partition 2: 12 events applied', 'rating::ingester'],
    ['info', 'served', 'rating::access'],
  ],
};

export class Logs {
  constructor() {
    this.all = [];
    this.dropped = {};
    this.next = 1;
  }

  tick(timeMs, traces, fleet) {
    const added = traces.flatMap((trace) =>
      trace.spans
        .filter((span) => span.kind === 'server' || span.error)
        .slice(0, 3)
        .map((span) => {
          const [level, message, target] = span.error
            ? ['error', span.message ?? 'request failed', `${span.service}::handler`]
            : pick(MESSAGES[span.service] ?? [['info', 'sent', 'ratingingester']]);
          return {
            timeMs: span.startMs + span.durationMs / 2,
            level,
            service: span.service,
            message,
            target,
            attributes: { route: trace.name, duration_ms: span.durationMs.toFixed(2) },
            traceId: trace.traceId,
            spanId: span.spanId,
          };
        }),
    );
    for (const [target, fault] of fleet.active) {
      if (random() < 0.3)
        added.push({
          timeMs,
          level: 'warn',
          service: 'movie',
          message: `${target} does not respond: ejected for 5 s`,
          target: 'client::health',
          attributes: { instance: target, fault: fault.action },
        });
    }
    if (random() < 0.2)
      added.push({
        timeMs,
        level: 'info',
        service: pick(['movie', 'metadata', 'rating']),
        message: 'registry: 2 instances of rating, 2 of metadata',
        target: 'discovery::watch',
        attributes: { index: Math.floor(latency(4000)) },
      });
    added.sort((a, b) => a.timeMs - b.timeMs);
    for (const log of added) {
      log.id = this.next;
      this.next += 1;
      this.all.push(log);
    }
    for (const log of this.all.splice(0, Math.max(0, this.all.length - MAX_LOGS)))
      this.dropped[log.service] = (this.dropped[log.service] ?? 0) + 1;
    return added;
  }

  list({ service, level, traceId, text, limit = 500 }) {
    const levels = ['error', 'warn', 'info', 'debug'];
    const needle = text?.toLowerCase();
    const found = this.all.filter(
      (log) =>
        (!service || log.service === service) &&
        (!level || levels.indexOf(log.level) <= levels.indexOf(level)) &&
        (!traceId || log.traceId === traceId) &&
        (!needle || JSON.stringify(log).toLowerCase().includes(needle)),
    );
    return {
      logs: found.slice(-bounded(limit, 2000)),
      stored: this.all.length,
      limit: MAX_LOGS,
      dropped: this.dropped,
    };
  }
}
