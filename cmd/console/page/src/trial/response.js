// The response of a request, and its trace beside it.
import { html, Banner } from '../html.js';
import { useState } from 'preact/hooks';
import { link } from '../router.js';
import { duration, pretty } from '../format.js';
import { SpanPanel, useTrace } from '../traces/detail.js';
import { keyOf } from '../traces/tree.js';
import { Waterfall } from '../traces/waterfall.js';

export function Response({ entry }) {
  const { status, headers, body, error, instance, durationMs, cut } = entry;
  if (error)
    return html`<section class="card" aria-label="Response"><header class="card-head"><h2>Response</h2></header>
      <${Banner}>${error}<//></section>`;
  const kind = status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'good';
  return html`<section class="card response" aria-label="Response">
    <header class="card-head"><h2>Response</h2><span class=${`chip is-${kind}`}>${status}</span><span class="note">
      ${duration(durationMs)}</span><span class="card-side mono ellipsis" title=${instance}>${instance}</span></header>
    <pre class="body" tabindex="0" aria-label="Body">${body ? pretty(body) : 'no body'}</pre>
    ${cut && html`<p class="note">The rest of the body is not shown.</p>`}
    <details><summary>${Object.keys(headers ?? {}).length} headers</summary><dl class="facts attributes">
      ${Object.entries(headers ?? {}).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>
      ${String(value)}</dd></div>`)}</dl></details>
  </section>`;
}

export function TraceBeside({ id }) {
  const { trace, error } = useTrace(id, true);
  const [selected, select] = useState(null);
  if (!id) return null;
  const span = trace?.spans.find((one) => keyOf(one) === selected);
  const goTo = (spanId) => select(keyOf(trace.spans.find((one) => one.spanId === spanId)));
  return html`<section class="card trace-beside" aria-label="Trace">
    <header class="card-head"><h2>Trace</h2>${trace && html`<span class="note">${duration(trace.durationMs)}${trace.complete ? '' : ', more spans are arriving'}</span>`}
      <a class="card-side mono" href=${link('traces', [id])}>open ${id.slice(0, 8)}</a></header>
    ${
      trace
        ? html`<${Waterfall} trace=${trace} label="Spans of the request" lines=${2} selected=${selected}
          onSelect=${(node) => select(node.key === selected ? null : node.key)} onEscape=${() => select(null)} />`
        : error
          ? html`<p class="note">
            ${error.status === 404 ? html`No span has arrived. Services send traces if they are started with <code>OTEL_EXPORTER_OTLP_ENDPOINT</code>; devstack sets it.` : error.message}</p>`
          : html`<p class="note">Waiting for its spans: services send them in batches, within seconds.</p>`
    }
    ${span && html`<${SpanPanel} span=${span} trace=${trace} onClose=${() => select(null)} onSelect=${goTo} />`}
  </section>`;
}
