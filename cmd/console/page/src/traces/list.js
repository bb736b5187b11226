// The list of traces: newest, slowest or failed, filtered by the server.
import { html, Banner, Empty, Icon, Search, Segments, Select, Service, tone } from '../html.js';
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api.js';
import { Grid, useNarrow } from '../grid.js';
import { useLive } from '../live.js';
import { go, replace } from '../router.js';
import { clockMs, count, dropped, duration, known, status as statusText } from '../format.js';

const LIMIT = 500;
const REFRESH_MS = 2000;
const TYPING_MS = 200;
const COLUMNS = [
  ['time', 'Start'],
  ['name', 'Request'],
  ['services', 'Services'],
  ['spans', 'Spans'],
  ['status', 'Status'],
  ['duration', 'Duration'],
];
const ORDERS = [
  ['newest', 'Newest'],
  ['slowest', 'Slowest'],
  ['failed', 'Failed'],
];

/** Loads the list when the filter changes, and again while `running` when the server has received traces since. */
function useTraces(filter, running) {
  const { traces: counts } = useLive('traces');
  const [state, set] = useState({ body: null, error: null });
  const key = JSON.stringify(filter);
  const loaded = useRef({ key: null, received: -1, at: 0 });
  const latest = useRef(counts);
  latest.current = counts;
  useEffect(() => {
    let stop = new AbortController();
    const load = () => {
      stop.abort();
      stop = new AbortController();
      loaded.current = { key, received: latest.current?.received, at: Date.now() };
      api.traces({ ...filter, limit: LIMIT }, stop.signal).then(
        (body) => set({ body, error: null }),
        (error) => error.name !== 'AbortError' && set((old) => ({ ...old, error: error.message })),
      );
    };
    const typing = setTimeout(load, loaded.current.key === null ? 0 : TYPING_MS);
    const timer = setInterval(() => {
      if (running && latest.current?.received !== loaded.current.received) load();
    }, REFRESH_MS);
    return () => {
      clearTimeout(typing);
      clearInterval(timer);
      stop.abort();
    };
  }, [key, running]);
  return state;
}

function Tally({ body, isFiltered }) {
  if (!body) return html`<p class="tally">Loading.</p>`;
  const gone = dropped(body.dropped);
  const most = body.traces.length >= LIMIT ? `The first ${count(LIMIT)}` : count(body.traces.length);
  return html`<p class="tally"><b>${most}</b> ${isFiltered ? 'matching ' : ''}of <b>${count(body.stored)}
    </b> traces kept, at most ${count(body.limit)}.
    ${gone.total > 0 ? html` <b>${count(gone.total)}
      </b> older ones were dropped to make room (${gone.text}); each service has its own share.` : ' None was dropped.'}</p>`;
}

const cellsOf = (longest) => (trace) => [
  html`<time class="mono">${clockMs(trace.startMs)}</time>`,
  html`<span class="trace-name"><${Service} name=${trace.service} /><span class="mono ellipsis" title=${trace.name}>
    ${trace.name || 'waiting for its first span'}</span></span>`,
  html`<span class="dots" title=${trace.services.join(', ')}>
    ${trace.services.map((service) => html`<i key=${service} class=${`dot ${tone(service)}`} aria-hidden="true">
    </i>`)}<span class="hidden">${trace.services.join(', ')}</span></span>`,
  count(trace.spans),
  trace.error
    ? html`<span class="chip is-bad">${known(trace.statusCode) ? statusText(trace.statusCode) : 'error'}</span>`
    : html`<span class="chip is-plain">${statusText(trace.statusCode)}</span>`,
  html`<span class="duration"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
    <rect width=${Math.max(0.8, (trace.durationMs / longest) * 100)} height="6" rx="1"
      class=${`bar ${tone(trace.service)} ${trace.error ? 'is-bad' : ''}`} /></svg><span>${duration(trace.durationMs)}
      </span></span>`,
];

function Nothing({ isFiltered, otlp, reset, order }) {
  if (order === 'failed')
    return html`<${Empty} title="No failed trace">
      <p>Nothing has failed${isFiltered ? ' that matches the filters' : ''}. To see how callers survive a failure, <a href="#/break">break something</a>.</p><//>`;
  if (isFiltered) {
    return html`<${Empty} title="No trace matches" action=${html`<button type="button" class="button"
      onClick=${reset}>Remove the filters</button>`}>
      <p>Only some requests are traced, and only the latest are kept. Widen the filters, or send a request in <a href="#/try">Try it</a>: it is always traced.</p><//>`;
  }
  return html`<${Empty} title="No traces yet">
    <p>Send a request in <a href="#/try">Try it</a>: it is always traced. Or point services at this console, and trace some of their requests:</p>
    <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://${otlp ?? '127.0.0.1:4317'} \\
OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.01 cargo run -p movie</pre><//>`;
}

export function TracesView({ parameters }) {
  const { system } = useLive('system');
  const [running, setRunning] = useState(true);
  const [scrolled, setScrolled] = useState(false);
  const narrow = useNarrow(760);
  const { service, route, status, minDurationMs, text, order = 'newest' } = parameters;
  const filter = { service, route, status, minDurationMs, text, order };
  const set = (change) => replace('traces', [], { ...filter, ...change });
  const isFiltered = Boolean(service || route || status || minDurationMs || text);
  const { body, error } = useTraces(filter, running && !scrolled);
  const rows = body?.traces ?? [];
  const longest = rows.reduce((most, trace) => Math.max(most, trace.durationMs), 1e-3);
  return html`<div class="fill">
    <form class="filters" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
      <${Segments} label="Order" value=${order} options=${ORDERS} onChange=${(key) => set({ order: key })} />
      <${Select} label="Service" value=${service ?? ''} all="All services" options=${body?.services ?? []}
        onChange=${(value) => set({ service: value })} />
      <${Select} label="Route" value=${route ?? ''} all="All routes" options=${body?.routes ?? []}
        onChange=${(value) => set({ route: value })} />
      <${Select} label="Status" value=${status ?? ''} all="Any status" options=${['ok', 'error']}
        onChange=${(value) => set({ status: value })} />
      <${Search} label="At least (ms)" type="number" placeholder="0" value=${minDurationMs ?? ''} width="slim"
        onChange=${(value) => set({ minDurationMs: value })} />
      <${Search} label="Text" placeholder="Id, name or attribute" value=${text ?? ''} width="grow"
        onChange=${(value) => set({ text: value })} />
      <button type="button" class="button" aria-pressed=${!running} onClick=${() => setRunning(!running)}>
        <${Icon} name=${running ? 'pause' : 'play'} />${running ? 'Pause' : 'Go on'}</button>
    </form>
    <${Tally} body=${body} isFiltered=${isFiltered || order === 'failed'} />
    ${error && html`<${Banner}>${error}<//>`}
    ${
      body && rows.length === 0
        ? html`<${Nothing} isFiltered=${isFiltered} order=${order} otlp=${system?.telemetry?.otlp}
          reset=${() => replace('traces', [], { order })} />`
        : html`<${Grid} label="Traces" look="grid-traces" columns=${COLUMNS} rows=${rows}
          keyOf=${(trace) => trace.traceId} rowHeight=${narrow ? 62 : 38} cells=${cellsOf(longest)}
      onOpen=${(trace) => go('traces', [trace.traceId])} onScrolled=${(element) => setScrolled(element.scrollTop > 8)}
      rowProps=${(trace) => ({ class: trace.error ? 'row-error' : '' })} />`
    }
    ${running && scrolled && html`<p class="tally">The list waits while you are not at its top.</p>`}
  </div>`;
}
