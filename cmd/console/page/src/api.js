// Every call to the console's server: requests, and the stream of events.

const tokenOf = (document) => document.querySelector('meta[name="console-token"]')?.content ?? '';

let token = tokenOf(document);

export class Refused extends Error {
  constructor(text, status, body) {
    super(text);
    this.status = status;
    this.body = body;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused('the console does not respond', 0, null);
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    throw new Refused(body?.error ?? `the console responded with status ${response.status}`, response.status, body);
  }
  return body;
}

/** Returns the query string of the parameters that have a value. */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

const post = (path, body) =>
  call(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-console-token': token },
    body: JSON.stringify(body),
  });

export const traces = (filter, signal) => call(`/api/traces${query(filter)}`, { signal });
export const trace = (id, signal) => call(`/api/traces/${encodeURIComponent(id)}`, { signal });
export const logs = (filter, signal) => call(`/api/logs${query(filter)}`, { signal });
export const openapi = (signal) => call('/api/openapi', { signal });
export const faults = (signal) => call('/api/faults', { signal });
export const applyFault = (target, action) => post('/api/faults', { target, action });
export const tryRequest = (request) => post('/api/try', request);

/** A console that was restarted has another token, which only its own page has. */
async function renewToken() {
  const response = await fetch('/');
  token = tokenOf(new DOMParser().parseFromString(await response.text(), 'text/html'));
}

const TOPICS = ['system', 'traces', 'ingestion', 'logs'];
/** The server sends every second; a stream that is silent for this long is broken. */
const SILENCE_MS = 6000;
const RETRY_MS = 1500;

/**
 * Follows the events for as long as the page is open. `onLink` receives `live` or `lost`; `onEvent` a topic and its data.
 * EventSource connects again by itself after a broken connection, but not after a response with an error status.
 */
export function follow(onEvent, onLink) {
  let source;
  let heard = 0;
  let wasLost = false;
  const lose = () => {
    wasLost = true;
    onLink('lost');
  };
  const open = () => {
    heard = Date.now();
    source = new EventSource('/api/events');
    source.onopen = () => {
      heard = Date.now();
      if (wasLost) renewToken().catch(() => {});
      wasLost = false;
      onLink('live');
    };
    source.onerror = () => {
      lose();
      if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
    };
    for (const topic of TOPICS) {
      source.addEventListener(topic, (event) => {
        heard = Date.now();
        onEvent(topic, JSON.parse(event.data));
      });
    }
  };
  open();
  setInterval(() => {
    if (source.readyState === EventSource.OPEN && Date.now() - heard > SILENCE_MS) {
      source.close();
      lose();
      open();
    }
  }, 1000);
}
