// One trace: its waterfall, the selected span, and its log records.
import { html, Banner, Empty, Facts, Icon, Service } from '../html.js';
import { useEffect, useState } from 'preact/hooks';
import * as api from '../api.js';
import { link, replace } from '../router.js';
import { clockMs, duration, plural } from '../format.js';
import { build, flatten, keyOf, titleOf } from './tree.js';
import { Waterfall } from './waterfall.js';

/** Spans of a trace arrive for a while; it is loaded again until it is complete, and a few times after that. */
const AGAIN_MS = [700, 1500, 3000, 5000];

/** Loads a trace; `waits`: it has just been started, so that it may appear in the next seconds. */
export function useTrace(id, waits = false) {
  const [state, set] = useState({ trace: null, error: null });
  useEffect(() => {
    set({ trace: null, error: null });
    if (!id) return undefined;
    const stop = new AbortController();
    let timer;
    let spans = -1;
    const load = (tries) =>
      api.trace(id, stop.signal).then(
        (trace) => {
          // Unchanged spans are not drawn again.
          if (trace.spans.length + (trace.logs?.length ?? 0) !== spans) set({ trace, error: null });
          spans = trace.spans.length + (trace.logs?.length ?? 0);
          if (tries < AGAIN_MS.length && (waits || !trace.complete))
            timer = setTimeout(load, AGAIN_MS[tries], tries + 1);
        },
        (error) => {
          if (error.name === 'AbortError') return;
          if (waits && error.status === 404 && tries < AGAIN_MS.length)
            timer = setTimeout(load, AGAIN_MS[tries], tries + 1);
          else set((old) => (old.trace ? old : { trace: null, error }));
        },
      );
    load(0);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [id]);
  return state;
}

function Copy({ text }) {
  const [done, set] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => set(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  return html`<button type="button" class="quiet" aria-label=${done ? 'Copied' : 'Copy the trace id'}
    title="Copy the trace id"
    onClick=${() =>
      navigator.clipboard?.writeText(text).then(
        () => set(true),
        () => {},
      )}><${Icon} name=${done ? 'check' : 'copy'} /></button>`;
}

function Lines({ logs, onSelect }) {
  return html`<ol class="lines">${logs.map(
    (log) => html`<li key=${log.id} class=${`line row-${log.level}`}>
    <span class="line-head"><time class="mono">${clockMs(log.timeMs)}</time><span class=${`level level-${log.level}`}>
      ${log.level}</span><${Service} name=${log.service} />
    ${onSelect && log.spanId && html`<button type="button" class="text-button"
      onClick=${() => onSelect(log.spanId)}>show span</button>`}</span>
    <span class="line-text">${log.message}</span></li>`,
  )}</ol>`;
}

const text = (value) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value));

export function SpanPanel({ span, trace, onClose, onSelect }) {
  const logs = (trace.logs ?? []).filter((log) => log.spanId === span.spanId);
  const attributes = Object.entries(span.attributes ?? {});
  return html`<aside class="side span-side" aria-label="Span">
    <header class="side-head"><h2 title=${span.name}>${titleOf(span)}</h2>
      <button type="button" class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
      </header>
    ${span.error && html`<p class="banner banner-error">${span.message || 'This span failed.'}</p>`}
    ${span.linked && html`<p class="note">A span of another trace that is linked with this one${span.traceId ? html`: <a class="mono" href=${link('traces', [span.traceId], { span: span.spanId })}>open ${span.traceId.slice(0, 8)}</a>` : ''}.</p>`}
    <${Facts} facts=${[
      ['Service', html`<${Service} name=${span.service} />`],
      ['Instance', span.instance],
      ['Kind', span.kind],
      ['Starts at', `+${duration(span.startMs - trace.startMs)}`],
      ['Duration', duration(span.durationMs)],
      ['Span id', html`<span class="mono">${span.spanId}</span>`],
    ]} />
    ${attributes.length > 0 && html`<h3>Attributes</h3><dl class="facts attributes">
      ${attributes.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${text(value)}</dd></div>`)}</dl>`}
    ${
      span.events?.length > 0 &&
      html`<h3>Events</h3><ul class="events">${span.events.map(
        (
          event,
          at,
        ) => html`<li key=${at}><span class="mono note">+${duration(event.timeMs - trace.startMs)}</span> <b>
          ${event.name}</b>
      ${Object.entries(event.attributes ?? {}).map(([name, value]) => html`<span class="log-attribute"
        key=${name}> ${name}=${text(value)}</span>`)}</li>`,
      )}</ul>`
    }
    ${
      span.links?.length > 0 &&
      html`<h3>Links</h3><ul class="events">${span.links.map((one) => {
        const here = trace.spans.find((other) => other.spanId === one.spanId);
        return html`<li key=${one.spanId}>
          ${here ? html`<button type="button" class="text-button" onClick=${() => onSelect(one.spanId)}>${here.name}
          </button>` : html`<a class="mono"
            href=${link('traces', [one.traceId], { span: one.spanId })}>trace ${one.traceId.slice(0, 8)}</a>`}</li>`;
      })}</ul>`
    }
    ${logs.length > 0 && html`<h3>Log lines</h3><${Lines} logs=${logs} />`}
  </aside>`;
}

function Gone({ id, error }) {
  const isGone = error.status === 404;
  const why = error.body?.dropped
    ? 'It was dropped to make room for newer ones: the console keeps a bounded number in memory.'
    : 'It was never sampled, never arrived, or belongs to an earlier start of the console.';
  return html`<${Empty} title=${isGone ? 'This trace is not stored' : 'This trace can’t be shown'}
    action=${html`<a class="button primary" href="#/traces">All traces</a>`}>
    <p class="mono id">${id}</p><p>${isGone ? why : error.message}</p><//>`;
}

export function TraceView({ id, span: wanted }) {
  const { trace, error } = useTrace(id);
  const back = () => {
    location.hash = '#/traces';
  };
  if (error) return html`<${Gone} id=${id} error=${error} />`;
  if (!trace) return html`<${Empty} title="Loading the trace"><p class="mono id">${id}</p><//>`;
  const selected = wanted ? trace.spans.find((span) => span.spanId === wanted) : undefined;
  const select = (spanId) => replace('traces', [id], spanId && spanId !== wanted ? { span: spanId } : {});
  const own = trace.spans.filter((span) => !span.linked);
  const entry = flatten(build(own), new Set())[0]?.span;
  const services = [...new Set(trace.spans.map((span) => span.service))];
  const failed = own.filter((span) => span.error).length;
  return html`<div class="fill trace">
    <header class="trace-head">
      <a class="button small" href="#/traces" aria-label="Back to all traces"><${Icon} name="back" />Traces</a>
      <div class="trace-title"><h2>${entry ? titleOf(entry) : 'Trace'}</h2><p class="note"><span class="mono id">
        ${trace.traceId}</span><${Copy} text=${trace.traceId} /></p></div>
      <dl class="trace-facts"><div><dt>Duration</dt><dd>${duration(trace.durationMs)}</dd></div><div><dt>Spans</dt>
        <dd>${own.length}</dd></div>
        <div><dt>Services</dt><dd>${services.map((service) => html`<${Service} key=${service} name=${service} />`)}
          </dd></div><div><dt>Started</dt><dd>${clockMs(trace.startMs)}</dd></div></dl>
    </header>
    ${(!trace.complete || failed > 0) && html`<p class="tally">${failed > 0 && html`<span class="chip is-bad">
      ${plural(failed, 'failed span')}
      </span> `}${!trace.complete && 'Incomplete: some of its spans have not arrived, or were dropped.'}</p>`}
    <div class=${`split ${selected ? 'has-side' : ''}`}>
      <div class="trace-main">
        <${Waterfall} trace=${trace} selected=${selected ? keyOf(selected) : null}
          onSelect=${(node) => select(node.span.spanId)} onEscape=${() => (selected ? select(null) : back())} />
        ${trace.logs?.length > 0 && html`<section class="trace-logs" aria-label="Log lines of the trace" tabindex="0">
          <h3>${plural(trace.logs.length, 'log line')}</h3><${Lines} logs=${trace.logs} onSelect=${select} />
          </section>`}
      </div>
      ${selected && html`<${SpanPanel} span=${selected} trace=${trace} onClose=${() => select(null)}
        onSelect=${select} />`}
    </div>
  </div>`;
}
