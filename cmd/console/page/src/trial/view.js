// "Try it": a request against any route, its response and its trace side by side.
import { html, Banner, Empty, Icon, Service } from '../html.js';
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api.js';
import { replace } from '../router.js';
import { exampleBody, idsIn, initial, operations, request } from './schema.js';
import { Form } from './form.js';
import { Response, TraceBeside } from './response.js';
import { clock, duration } from '../format.js';

const MAX_HISTORY = 20;
const MAX_IDS = 50;
const MAX_BODY_KEPT = 64 * 1024;

/** What was tried, kept while the page is open, also when another view is shown. */
const session = { documents: null, history: [], ids: [], values: {}, last: null };

function useDocuments() {
  const [state, set] = useState({ documents: session.documents, error: null });
  useEffect(() => {
    const stop = new AbortController();
    api.openapi(stop.signal).then(
      ({ services }) => {
        session.documents = services;
        set({ documents: services, error: null });
      },
      (error) => error.name !== 'AbortError' && set((old) => ({ ...old, error: error.message })),
    );
    return () => stop.abort();
  }, []);
  return state;
}

function Routes({ all, chosen, onChoose }) {
  const services = [...new Set(all.map((one) => one.service))];
  return html`<label class="field wide"><span class="field-label">Route</span>
    <select value=${chosen?.id ?? ''} onChange=${(event) => onChoose(event.currentTarget.value)}>
    ${services.map(
      (service) =>
        html`<optgroup key=${service} label=${service}>${all
          .filter((one) => one.service === service)
          .map((one) => html`<option key=${one.id} value=${one.id}>${one.method} ${one.path}</option>`)}</optgroup>`,
    )}</select></label>`;
}

function History({ entries, onOpen, current }) {
  if (!entries.length) return null;
  return html`<section class="card history" aria-label="Last requests"><header class="card-head">
    <h2>Last requests</h2></header><ul>${entries.map(
    (entry) => html`<li key=${entry.key}>
    <button type="button" class="history-row" aria-pressed=${entry === current} onClick=${() => onOpen(entry)}>
      <span class=${`chip ${entry.status >= 500 || !entry.status ? 'is-bad' : entry.status >= 400 ? 'is-warn' : 'is-good'}`}>${entry.status || 'failed'}</span>
      <span class="mono ellipsis">
        ${entry.sent.method} ${entry.sent.path}${entry.sent.query ? `?${entry.sent.query}` : ''}</span>
        <span class="note">${entry.durationMs === undefined ? '' : duration(entry.durationMs)}</span>
        <time class="note">${clock(entry.timeMs)}</time></button></li>`,
  )}</ul></section>`;
}

/** The movies of the collection in front of `/{id}`, if the same document lists them without parameters. */
function collectionOf(all, operation) {
  const path = operation?.path.includes('/{') ? operation.path.slice(0, operation.path.indexOf('/{')) : null;
  const own = all.find(
    (one) =>
      one.method === 'GET' &&
      one.path === path &&
      one.service === operation.service &&
      !one.parameters.some((parameter) => parameter.required),
  );
  return own ?? all.find((one) => one.method === 'GET' && one.path === '/v1/movies' && one.service === 'movie');
}

let entryKey = 0;

export function TryView({ parameters }) {
  const { documents, error } = useDocuments();
  const [, again] = useState(0);
  const [sending, setSending] = useState(false);
  const results = useRef(null);
  const all = Object.entries(documents ?? {})
    .flatMap(([service, document]) => operations(service, document))
    .sort((a, b) => (b.service === 'movie') - (a.service === 'movie'));
  const operation =
    all.find((one) => one.id === parameters.route) ?? all.find((one) => one.path === '/v1/movies') ?? all[0];
  const document = operation && documents[operation.service];

  const fill = () => {
    const { ids } = session;
    const values = Object.fromEntries(operation.parameters.map((one) => [one.name, initial(document, one, ids)]));
    const body = operation.body ? JSON.stringify(exampleBody(document, operation), null, 2) : undefined;
    return { values, body };
  };
  if (operation && !session.values[operation.id]) session.values[operation.id] = fill();
  const current = operation && session.values[operation.id];
  const change = (changed) => {
    session.values[operation.id] = { ...current, ...changed };
    again((number) => number + 1);
  };

  const perform = async (sent) => {
    const began = { key: ++entryKey, timeMs: Date.now(), sent };
    try {
      const response = await api.tryRequest(sent);
      const found = sent.method === 'GET' && response.status === 200 ? idsIn(response.body, MAX_IDS) : [];
      session.ids = [...new Set([...found, ...session.ids])].slice(0, MAX_IDS);
      return {
        ...began,
        ...response,
        body: response.body.slice(0, MAX_BODY_KEPT),
        cut: response.body.length > MAX_BODY_KEPT,
      };
    } catch (refused) {
      return { ...began, status: 0, error: refused.message };
    }
  };
  const keep = (entry) => {
    session.last = entry;
    session.history = [entry, ...session.history].slice(0, MAX_HISTORY);
  };
  const send = async (event) => {
    event?.preventDefault();
    const { path, query, headers, missing } = request(operation, current.values);
    if (missing.length || sending) return;
    setSending(true);
    keep(
      await perform({
        service: operation.service,
        method: operation.method,
        path,
        query: query || undefined,
        headers: operation.body ? { 'content-type': 'application/json', ...headers } : headers,
        body: operation.body ? current.body : undefined,
      }),
    );
    setSending(false);
    // On narrow windows the response is below the form.
    if (results.current?.getBoundingClientRect().top > innerHeight - 160) results.current.scrollIntoView({ block: 'start' });
  };
  const findId = async () => {
    const list = collectionOf(all, operation);
    const entry = await perform({ service: list.service, method: 'GET', path: list.path, headers: {} });
    if (!session.ids.length) keep(entry);
    const name = operation.parameters.find((one) => /^ids?$/.test(one.name))?.name;
    if (name && session.ids.length) change({ values: { ...current.values, [name]: session.ids[0] } });
    else again((number) => number + 1);
  };
  const pressed = (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send(event);
  };

  if (error && !documents) return html`<${Empty} title="No routes"><p>${error}</p><//>`;
  if (!operation) {
    return html`<${Empty} title=${documents ? 'No service responds' : 'Loading the routes'}>
      <p>The routes are those of the services’ OpenAPI documents.</p>
      ${documents && html`<pre>cargo run -p devstack</pre>`}<//>`;
  }
  const { last } = session;
  return html`<div class="try">
    <div class="try-left">
      <form class="card" onSubmit=${send} onKeyDown=${pressed} aria-label="Request">
        <${Routes} all=${all} chosen=${operation} onChoose=${(id) => replace('try', [], { route: id })} />
        <p class="note summary"><${Service} name=${operation.service} /> ${operation.summary}</p>
        <${Form} document=${document} operation=${operation} values=${current.values} body=${current.body}
          ids=${session.ids} onChange=${change} onFindId=${collectionOf(all, operation) ? findId : undefined} />
        <div class="send"><button type="submit" class="button primary" disabled=${sending}><${Icon} name="try" />
          ${sending ? 'Sending' : 'Send'}</button>
          <button type="button" class="button" onClick=${() => change(fill())}>Reset</button><span class="note">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd></span></div>
      </form>
      <${History} entries=${session.history} current=${last} onOpen=${(entry) => {
        session.last = entry;
        again((number) => number + 1);
      }} />
    </div>
    <div class="try-right" ref=${results}>
      <p class="hidden" role="status">${sending ? 'Sending' : last && (last.error ?? `Status ${last.status} in ${duration(last.durationMs)}`)}</p>
      ${error && html`<${Banner}>${error}<//>`}
      ${
        last
          ? html`<${Response} entry=${last} /><${TraceBeside} key=${last.key} id=${last.traceId} />`
          : html`<${Empty} title="Send a request">
            <p>Its response appears here, and beside it the path that it took through the services: each request from this page is traced.</p><//>`
      }
    </div>
  </div>`;
}
