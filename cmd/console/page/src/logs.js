// Log records as they arrive. The page keeps a bounded number; pausing keeps what is on the screen.
import { html, Banner, Empty, Icon, Search, Select, Service } from './html.js';
import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from './api.js';
import { Grid, useNarrow } from './grid.js';
import { on, useLive } from './live.js';
import { link, replace } from './router.js';
import { clockMs, count, dropped, plural } from './format.js';
import { Facts } from './html.js';

export const MAX_LOGS = 2000;
const LEVELS = ['error', 'warn', 'info', 'debug'];
const COLUMNS = [
  ['time', 'Time'],
  ['level', 'Level'],
  ['service', 'Service'],
  ['message', 'Message'],
  ['trace', 'Trace'],
];

/** Whether the filter, as the server understands it, selects a record. */
export function selects({ service, level, traceId, text }, log) {
  return (
    (!service || log.service === service) &&
    (!level || LEVELS.indexOf(log.level) <= LEVELS.indexOf(level)) &&
    (!traceId || log.traceId === traceId) &&
    (!text ||
      `${log.message} ${log.target} ${JSON.stringify(log.attributes ?? {})}`.toLowerCase().includes(text.toLowerCase()))
  );
}

function useLogs(filter, paused) {
  const [state, set] = useState({ logs: [], missed: 0, stored: undefined, error: null });
  const isPaused = useRef(paused);
  isPaused.current = paused;
  const key = JSON.stringify(filter);
  useEffect(() => {
    if (paused) return undefined;
    const stop = new AbortController();
    const load = () =>
      api.logs({ ...filter, limit: 500 }, stop.signal).then(
        (body) => {
          set({
            logs: body.logs,
            missed: 0,
            stored: body.stored,
            limit: body.limit,
            dropped: body.dropped,
            error: null,
          });
        },
        (error) => error.name !== 'AbortError' && set((old) => ({ ...old, error: error.message })),
      );
    const timer = setTimeout(load, 150);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key, paused]);
  useEffect(
    () =>
      on('logs', ({ logs, skipped = 0 }) =>
        set((old) => {
          const fresh = logs.filter((log) => selects(filter, log));
          if (isPaused.current) return { ...old, missed: Math.min(1e6, old.missed + fresh.length + skipped) };
          // A record that the first response contains can also be pushed.
          const newest = new Set(old.logs.slice(-500).map((log) => log.id));
          const added = fresh.filter((log) => !newest.has(log.id));
          return added.length ? { ...old, logs: [...old.logs, ...added].slice(-MAX_LOGS) } : old;
        }),
      ),
    [key],
  );
  return state;
}

function Record({ log, onClose }) {
  return html`<aside class="side" aria-label="Log record">
    <header class="side-head"><h2>Log record</h2>
      <button type="button" class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
      </header>
    <p class=${`log-text level-${log.level}`}>${log.message}</p>
    <${Facts} facts=${[
      ['Time', clockMs(log.timeMs)],
      ['Level', log.level],
      ['Service', html`<${Service} name=${log.service} />`],
      ['Target', log.target],
      [
        'Trace',
        log.traceId &&
          html`<a class="mono" href=${link('traces', [log.traceId], { span: log.spanId })}>${log.traceId}</a>`,
      ],
      ...Object.entries(log.attributes ?? {}).map(([name, value]) => [name, String(value)]),
    ]} />
  </aside>`;
}

const cells = (log) => [
  html`<time class="mono">${clockMs(log.timeMs)}</time>`,
  html`<span class=${`level level-${log.level}`}>${log.level}</span>`,
  html`<${Service} name=${log.service} />`,
  html`<span class="log-message" title=${log.message}>${log.message}${Object.entries(log.attributes ?? {})
    .slice(0, 4)
    .map(([name, value]) => html` <span class="log-attribute" key=${name}>${name}=${String(value)}</span>`)}</span>`,
  log.traceId
    ? html`<a class="mono" tabindex="-1" href=${link('traces', [log.traceId], { span: log.spanId })}
      onClick=${(event) => event.stopPropagation()}>${log.traceId.slice(0, 8)}</a>`
    : '',
];

export function LogsView({ parameters }) {
  const { system } = useLive('system');
  const [paused, setPaused] = useState(false);
  const [opened, setOpened] = useState(null);
  const narrow = useNarrow(760);
  const filter = {
    service: parameters.service,
    level: parameters.level,
    traceId: parameters.traceId,
    text: parameters.text,
  };
  const set = (change) => replace('logs', [], { ...filter, ...change });
  const { logs, missed, stored, limit, dropped: drops, error } = useLogs(filter, paused);
  const gone = dropped(drops);
  const services = [...new Set([...(system?.services ?? []).map((service) => service.name), 'ratingingester'])];
  const isFiltered = Object.values(filter).some(Boolean);
  const open = (log) => {
    setOpened(log);
    setPaused(true);
  };
  const pressed = (event, log) => {
    if (event.key === ' ') setPaused(!paused);
    else if (event.key === 'Escape') setOpened(null);
    else if (event.key === 't' && log.traceId) location.hash = link('traces', [log.traceId], { span: log.spanId });
    else return false;
    return true;
  };
  return html`<div class="fill">
    <form class="filters" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
      <${Select} label="Service" value=${filter.service ?? ''} all="All services" options=${services}
        onChange=${(service) => set({ service })} />
      <${Select} label="Level" value=${filter.level ?? ''} all="All levels" options=${LEVELS}
        onChange=${(level) => set({ level })} />
      <${Search} label="Text" placeholder="In message or attributes" value=${filter.text ?? ''} width="grow"
        onChange=${(text) => set({ text })} />
      <${Search} label="Trace" type="text" placeholder="Trace id" value=${filter.traceId ?? ''}
        onChange=${(traceId) => set({ traceId: traceId.trim() })} />
      <button type="button" class="button" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>
        <${Icon} name=${paused ? 'play' : 'pause'} />
          ${paused ? `Go on${missed ? ` (${count(missed)} new)` : ''}` : 'Pause'}</button>
    </form>
    <p class="tally">${plural(logs.length, 'record')} shown${known(stored) ? `; the console keeps ${count(stored)} of at most ${count(limit)}` : ''}${gone.total ? `, and has dropped ${count(gone.total)} older ones (${gone.text})` : ''}.${paused ? ' Paused.' : ''}</p>
    ${error && html`<${Banner}>${error}<//>`}
    <div class=${`split ${opened ? 'has-side' : ''}`}>
      ${
        logs.length === 0 && !error
          ? html`<${Empty} title=${isFiltered ? 'No record matches' : 'No log records yet'}>
        ${
          isFiltered
            ? html`<p>Change the filters, or wait: new records appear here.</p>`
            : html`<p>Services send their log records by OTLP. Point one at this console:</p>
          <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://${system?.telemetry?.otlp ?? '127.0.0.1:4317'} cargo run -p movie</pre>`
        }<//>`
          : html`<${Grid} label="Log records" look="grid-logs" columns=${COLUMNS} rows=${logs}
            keyOf=${(log) => log.id} rowHeight=${narrow ? 58 : 28} cells=${cells}
        follow=${!paused} onOpen=${open} onKey=${pressed} selected=${opened?.id ?? null} rowProps=${(log) => ({ class: `row-${log.level}` })} />`
      }
      ${opened && html`<${Record} log=${opened} onClose=${() => setOpened(null)} />`}
    </div>
  </div>`;
}

const known = (number) => typeof number === 'number';
