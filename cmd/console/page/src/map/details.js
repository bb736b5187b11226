// The panel beside the map: the selected node or arrow, otherwise what has changed and what the drawing means.
import { html, Facts, Icon, Service } from '../html.js';
import { Sparkline } from '../series.js';
import { bytes, clock, count, duration, percent, rate } from '../format.js';
import { link } from '../router.js';

const LEGEND = [
  ['calls', 'calls: dots per second follow the rate'],
  ['events', 'events through Kafka'],
  ['bad', 'failed calls'],
  ['ejected', 'ejected: its callers avoid it'],
];

function Changes({ changes }) {
  return html`<section class="side-part"><h2>Changes</h2>
    ${
      changes.length === 0
        ? html`<p class="note">Instances that join, fail, drain or are ejected appear here. Break something, and watch.</p>`
        : html`<ol class="changes" aria-live="polite" aria-relevant="additions">${changes.slice(0, 12).map(
            (change) => html`<li key=${change.key} class=${`change is-${change.kind}`}>
        <time class="mono">${clock(change.timeMs)}</time><span>${change.text}</span></li>`,
          )}</ol>`
    }</section>`;
}

function Legend() {
  return html`<section class="side-part"><h2>Legend</h2><ul class="legend">
    ${LEGEND.map(([kind, text]) => html`<li key=${kind}><i class=${`sample sample-${kind}`} aria-hidden="true"></i>
    ${text}</li>`)}</ul>
    <p class="note">On each arrow: calls per second, share of errors, and the latency that 50 % and 99 % of the calls stay below. Select a node or an arrow for more.</p>
    <p class="note">In production, Jaeger, Prometheus and Grafana take this console's place.</p></section>`;
}

function Routes({ routes }) {
  if (!routes?.length) return html`<p class="note">No requests in the last seconds.</p>`;
  const sorted = [...routes].sort((a, b) => (b.perSecond ?? 0) - (a.perSecond ?? 0));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Routes"><table class="table compact"><thead>
    <tr><th scope="col">Route</th><th scope="col" class="num">Rate</th><th scope="col" class="num">Errors</th>
    <th scope="col" class="num">p50</th><th scope="col" class="num">p99</th></tr></thead>
    <tbody>${sorted.map(
      (
        route,
      ) => html`<tr key=${`${route.protocol} ${route.route}`}><td class="route"><span class="protocol">
        ${route.protocol}</span> <span class="mono">${route.route}</span></td>
      <td class="num">${rate(route.perSecond)}</td><td class=${`num ${route.errorRatio > 0 ? 'is-bad' : ''}`}>
        ${percent(route.errorRatio)}</td><td class="num">${duration(route.p50Ms)}</td><td class="num">
        ${duration(route.p99Ms)}</td></tr>`,
    )}</tbody></table></div>`;
}

const figures = (one) => [
  ['Rate', rate(one.perSecond)],
  ['Errors', percent(one.errorRatio)],
  ['p50', duration(one.p50Ms)],
  ['p99', duration(one.p99Ms)],
];

function Instance({ instance, service, live }) {
  const state = instance.ejected ? `${instance.state}, ejected by its callers` : instance.state;
  return html`<p class="side-kind"><${Service} name=${service} /> instance</p>
    <${Sparkline} series=${live.rates.get(instance.id)} width=${280} height=${48} />
    <${Facts} facts=${[['State', state], ['Address', instance.address], ...figures(instance), ['Memory', bytes(instance.residentBytes)]]} />
    <p class="links"><a href=${link('traces', [], { text: instance.id })}>Its traces</a>
      <a href=${link('logs', [], { service })}>Logs of ${service}</a><a href=${link('break')}>Break it</a></p>
    <h3>Routes</h3><${Routes} routes=${instance.routes} />`;
}

function Arrow({ edge, live }) {
  return html`<section class="side-part"><p class="side-kind mono">${edge.from} → ${edge.to}</p>
    <${Sparkline} series=${live.rates.get(`${edge.from}→${edge.to}`)} width=${280} height=${48}
      kind=${edge.from === 'kafka' || edge.from === 'producers' ? 'spark-events' : ''} />
    <${Facts} facts=${[
      ...(edge.from === 'kafka' || edge.from === 'producers' ? [['Events', rate(edge.perSecond)]] : figures(edge)),
      ['Lag', edge.lag === undefined ? undefined : `${count(edge.lag)} events`],
      ['Ejected', edge.ejected ? 'yes: the caller avoids this instance for a while' : undefined],
    ]} /></section>`;
}

const ABOUT = {
  clients: ['Clients', 'Callers of the edge: devstack’s load, and everyone else who calls movie.'],
  producers: ['Viewers', 'Viewers who rate: ratingingester or another producer writes their events to the topic.'],
  registry: [
    'Registry',
    'Instances register here and watch each other. While it is gone, callers keep the last list they know.',
  ],
  broker: [
    'Kafka',
    'The topic of rating events. While it is stopped events wait with their producers; no response fails.',
  ],
  database: ['Database', 'Instances of one service share it.'],
};

function chosenOf(chosen, placed, live) {
  const row = placed.groups.flatMap((one) => one.rows).find((one) => one.id === chosen);
  if (row) return [row.id, html`<${Instance} instance=${row.instance} service=${row.service} live=${live} />`];
  const arrows =
    placed.labels.find((label) => label.key === chosen)?.arrows ?? placed.edges.filter((one) => one.key === chosen);
  if (arrows.length)
    return [
      arrows.length === 1 ? 'Arrow' : `${arrows.length} arrows`,
      arrows.map((one) => html`<${Arrow} key=${one.key} edge=${one.edge} live=${live} />`),
    ];
  const node = placed.nodes.find((one) => one.id === chosen);
  if (!node) return null;
  const { system } = live;
  const [title, text] = ABOUT[node.kind];
  const facts =
    {
      registry: [
        ['Address', system.registry?.address],
        ['Responds', system.registry?.up === false ? 'no' : 'yes'],
      ],
      broker: [
        ['Address', system.broker?.address],
        ['Responds', { true: 'yes', false: 'no' }[system.broker?.up]],
      ],
      database: [
        ['Service', node.database?.service],
        ['Kind', node.database?.kind],
      ],
      clients: [
        ['Responses', count(system.responses?.total)],
        ['Failed', count(system.responses?.failed)],
      ],
    }[node.kind] ?? [];
  return [
    title,
    html`<p class="note">${text}</p><${Facts} facts=${facts} />${node.kind === 'broker' && html`<p class="links">
      <a href=${link('ingestion')}>Ingestion</a></p>`}`,
  ];
}

export function Details({ chosen, placed, live, onClose }) {
  const found = chosen && placed && chosenOf(chosen, placed, live);
  return html`<aside class=${`side map-side ${found ? 'is-open' : ''}`} aria-label="Details">
    ${
      found
        ? html`<header class="side-head"><h2 title=${found[0]}>${found[0]}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
          </header>${found[1]}`
        : html`${chosen && placed && html`<p class="note">${chosen} is not part of the system any more.</p>`}
          <${Changes} changes=${live.changes} /><${Legend} />`
    }
  </aside>`;
}
