// What the server pushes, and the short history that the page keeps of it. Everything here has a fixed bound.
import { useEffect, useReducer } from 'preact/hooks';
import { follow } from './api.js';
import { Series } from './series.js';

const MAX_CHANGES = 30;
const SECONDS = 90;

export const live = {
  /** `connecting`, `live` or `lost`. */
  link: 'connecting',
  /** When the connection was lost. */
  lostAt: 0,
  system: null,
  traces: null,
  ingestion: null,
  /** Changes of the fleet, the newest first: `{key, timeMs, text, kind}`. */
  changes: [],
  rate: new Series(SECONDS),
  /** By the id of an instance or of an arrow. */
  rates: new Map(),
  ingested: new Map(),
};

const listeners = { link: new Set(), system: new Set(), traces: new Set(), ingestion: new Set(), logs: new Set() };

/** Calls `listener` with the data of each event of the topic; returns a function that ends it. */
export function on(topic, listener) {
  listeners[topic].add(listener);
  return () => listeners[topic].delete(listener);
}

/** Renders the component again on each event of the topics. */
export function useLive(...topics) {
  const [, again] = useReducer((number) => number + 1, 0);
  useEffect(() => {
    const ends = topics.map((topic) => on(topic, again));
    return () => ends.forEach((end) => end());
  }, []);
  return live;
}

const emit = (topic, data) => listeners[topic].forEach((listener) => listener(data));

/** Adds the current rates to the series, and forgets series whose subject is gone. */
function note(series, current) {
  for (const [id, number] of current) {
    if (!series.has(id)) series.set(id, new Series(SECONDS));
    series.get(id).push(number);
  }
  for (const id of series.keys()) if (!current.has(id)) series.delete(id);
}

const instancesOf = (system) =>
  new Map((system?.services ?? []).flatMap((service) => service.instances.map((instance) => [instance.id, instance])));

let changeKey = 0;

/** Notes what has changed between two observations of the system. */
function compare(before, after) {
  const noted = [];
  const add = (text, kind) => noted.push({ key: ++changeKey, timeMs: after.timeMs, text, kind });
  const [old, current] = [instancesOf(before), instancesOf(after)];
  for (const [id, instance] of current) {
    const was = old.get(id);
    const bad = ['unreachable', 'gone', 'unready'].includes(instance.state);
    if (!was) add(`${id} joined`, 'good');
    else if (was.state !== instance.state)
      add(`${id} is ${instance.state}`, bad ? 'bad' : instance.state === 'ready' ? 'good' : 'warn');
    if (was && !was.ejected && instance.ejected) add(`${id} is ejected: its callers avoid it`, 'warn');
    if (was?.ejected && !instance.ejected) add(`${id} is called again`, 'good');
  }
  for (const id of old.keys()) if (!current.has(id)) add(`${id} left`, 'warn');
  for (const [key, name] of [
    ['registry', 'registry'],
    ['broker', 'broker'],
  ]) {
    const [was, is] = [before[key]?.up, after[key]?.up];
    if (was === true && is === false) add(`the ${name} does not respond`, 'bad');
    if (was === false && is === true) add(`the ${name} responds again`, 'good');
  }
  const failed = (after.responses?.failed ?? 0) - (before.responses?.failed ?? 0);
  if (failed > 0) add(`${failed} ${failed === 1 ? 'response' : 'responses'} failed`, 'bad');
  live.changes = [...noted.reverse(), ...live.changes].slice(0, MAX_CHANGES);
}

export const edgeKey = (edge) => `${edge.from}→${edge.to}`;

const receive = {
  system(system) {
    // The first observation of a console that has just started is empty.
    if (!system.services) return;
    if (live.system) compare(live.system, system);
    live.system = system;
    live.rate.push(system.responses?.perSecond);
    const rates = new Map([...instancesOf(system)].map(([id, instance]) => [id, instance.perSecond]));
    for (const edge of system.edges ?? []) rates.set(edgeKey(edge), edge.perSecond);
    note(live.rates, rates);
  },
  traces(counts) {
    live.traces = counts;
  },
  ingestion(ingestion) {
    if (!ingestion.instances) return;
    live.ingestion = ingestion;
    note(live.ingested, new Map(ingestion.instances.map((instance) => [instance.id, instance.eventsPerSecond])));
  },
  logs() {},
};

export function start() {
  follow(
    (topic, data) => {
      receive[topic](data);
      emit(topic, data);
    },
    (link) => {
      if (link === 'lost' && live.link !== 'lost') live.lostAt = Date.now();
      live.link = link;
      emit('link', link);
    },
  );
}
