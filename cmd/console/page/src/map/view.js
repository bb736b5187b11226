// The map: cards and labels are buttons above an SVG of arrows and a canvas of moving dots.
import { html, Empty, Icon, Service, tone } from '../html.js';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLive } from '../live.js';
import { count, known, latency, latencyWithUnit, percent, plural, rate, shortInstance } from '../format.js';
import { replace } from '../router.js';
import { Details } from './details.js';
import { Flow } from './flow.js';
import { layout, pathOf } from './layout.js';

const STATES = { ready: 'good', draining: 'warn', unready: 'warn', unreachable: 'bad', gone: 'gone' };

const place = (box) => ({
  transform: `translate(${Math.round(box.x)}px, ${Math.round(box.y)}px)`,
  width: `${Math.round(box.width)}px`,
  height: `${Math.round(box.height)}px`,
});

const errorKind = (ratio) => (known(ratio) && ratio > 0.05 ? 'bad' : known(ratio) && ratio > 0 ? 'warn' : 'good');

function Instance({ box, selected, onSelect }) {
  const { instance, service } = box;
  const state = instance.ejected ? 'ejected' : instance.state;
  const kind = instance.ejected ? 'warn' : (STATES[instance.state] ?? 'gone');
  return html`<button type="button"
    class=${`node instance ${box.look} is-${kind} ${instance.ejected ? 'is-ejected' : ''}`} style=${place(box)} aria-pressed=${selected} onClick=${onSelect}>
    <span class="node-line"><i class="state-dot" aria-hidden="true"></i>
      <span class="node-id mono" title=${instance.id}>${shortInstance(instance.id, service)}</span>
      ${state !== 'ready' && html`<span class=${`chip small is-${kind === 'gone' ? 'plain' : kind}`}>${state}
        </span>`}${state === 'ready' && html`<span class="hidden">ready</span>`}</span>
    ${box.look === 'tall' && html`<span class="node-line node-figures">
      ${rate(instance.perSecond)}${known(instance.errorRatio) && html`<span class=${`errors is-${errorKind(instance.errorRatio)}`}>${percent(instance.errorRatio)} errors</span>`}</span>`}
  </button>`;
}

function nodeTexts(node, system) {
  const { registry, broker, edges = [] } = system;
  const produced = edges.find((edge) => edge.from === 'producers');
  if (node.kind === 'registry')
    return [
      'Registry',
      registry?.up === false ? 'does not respond' : registry?.address?.replace('http://', ''),
      registry?.up === false ? 'bad' : 'good',
    ];
  if (node.kind === 'broker')
    return [
      'Kafka',
      broker?.up === false ? 'does not respond' : (broker?.address ?? 'not known'),
      broker?.up === false ? 'bad' : broker ? 'good' : 'gone',
    ];
  if (node.kind === 'clients') return ['Clients', rate(system.responses?.perSecond), 'good'];
  if (node.kind === 'producers') return ['Viewers', rate(produced?.perSecond), 'good'];
  return [
    { sqlite: 'SQLite', postgresql: 'PostgreSQL', memory: 'Memory' }[node.database.kind] ?? node.database.kind,
    node.database.service,
    'good',
  ];
}

function Node({ node, system, selected, onSelect }) {
  const [title, text, kind] = nodeTexts(node, system);
  return html`<button type="button" class=${`node outer node-${node.kind} is-${kind}`} style=${place(node)}
    aria-pressed=${selected} onClick=${onSelect}>
    <span class="node-icon"><${Icon} name=${node.kind} size=${18} /></span>
    <span class="node-text"><span class="node-title">${title}</span><span class="node-note">${text}</span></span>
  </button>`;
}

/** What a label shows: the figures of its arrow, or the sum of several. */
function summed(arrows) {
  if (arrows.length === 1) return arrows[0].edge;
  const edges = arrows.map((arrow) => arrow.edge);
  const rates = edges.map((edge) => edge.perSecond).filter(known);
  const total = rates.length ? rates.reduce((sum, number) => sum + number, 0) : undefined;
  const worst = (name) => Math.max(...edges.map((edge) => edge[name]).filter(known));
  const failing = edges
    .filter((edge) => known(edge.errorRatio) && known(edge.perSecond))
    .reduce((sum, edge) => sum + edge.errorRatio * edge.perSecond, 0);
  return {
    perSecond: total,
    errorRatio: total ? failing / total : undefined,
    p50Ms: worst('p50Ms'),
    p99Ms: worst('p99Ms'),
    ejected: edges.some((edge) => edge.ejected),
    lag: worst('lag'),
  };
}

function Label({ label, selected, onSelect }) {
  const edge = summed(label.arrows);
  const { from, to } = label.arrows[0].edge;
  const name = label.arrows.length === 1 ? `${from} to ${to}` : `${plural(label.arrows.length, 'arrow')} to ${to}`;
  const box = { x: label.x - label.width / 2, y: label.y - label.height / 2, width: label.width, height: label.height };
  return html`<button type="button"
    class=${`label label-${label.kind} is-${errorKind(edge.errorRatio)} ${edge.ejected ? 'is-ejected' : ''} ${label.height < 30 ? 'low' : ''}`}
    style=${place(box)} aria-pressed=${selected} onClick=${onSelect}>
    <span class="hidden">${name}: </span>
    <span class="label-main"><b>${rate(edge.perSecond)}</b>
      ${label.kind === 'calls' && label.height < 30 && html`<span class="label-time">p99 ${latencyWithUnit(edge.p99Ms)}</span>`}
      ${label.kind === 'calls' && (label.height >= 30 || edge.errorRatio > 0) && html`<span class="errors">
        ${known(edge.errorRatio) ? percent(edge.errorRatio) : ''}<span class="hidden"> errors</span></span>`}
      ${label.kind === 'events' && edge.lag > 0 && html`<span class="errors is-warn">lag ${count(edge.lag)}</span>`}
        </span>
    ${label.kind === 'calls' && label.height >= 30 && html`<span class="label-times"><span>p50 ${latency(edge.p50Ms)}
      </span><span>p99 ${latencyWithUnit(edge.p99Ms)}</span></span>`}
  </button>`;
}

function strokeWidth(edge) {
  return known(edge.perSecond) && edge.perSecond > 0
    ? Math.min(4, 1.2 + Math.log10(1 + edge.perSecond) * 0.8).toFixed(2)
    : 1;
}

function Arrows({ placed, system, isSelected, onSelect }) {
  const registryUp = system.registry?.up !== false;
  return html`<svg class="arrows" width=${placed.width} height=${placed.height} aria-hidden="true">
    <defs>${['plain', 'bad', 'warn', 'events'].map(
      (
        kind,
      ) => html`<marker key=${kind} id=${`head-${kind}`} class=${`head head-${kind}`} viewBox="0 0 8 8" refX="7"
        refY="4" markerWidth="7" markerHeight="7"
      markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z" /></marker>`,
    )}</defs>
    ${placed.wires.map((wire) => html`<path key=${wire.key}
      class=${`wire wire-${wire.kind} ${wire.kind === 'registry' && !registryUp ? 'is-cut' : ''}`} d=${pathOf(wire.points)} />`)}
    ${placed.edges.map((one) => {
      const kind =
        one.kind === 'events'
          ? 'events'
          : errorKind(one.edge.errorRatio) === 'good'
            ? 'plain'
            : errorKind(one.edge.errorRatio);
      const d = pathOf(one.points);
      return html`<g key=${one.key}
        class=${`arrow arrow-${kind} ${one.edge.ejected ? 'is-ejected' : ''} ${one.edge.perSecond > 0 ? '' : 'is-idle'} ${isSelected(one.key) ? 'is-selected' : ''}`}>
        <path class="arrow-line" d=${d} stroke-width=${strokeWidth(one.edge)} marker-end=${`url(#head-${kind})`} />
        <path class="arrow-hit" d=${d} onClick=${() => onSelect(one.key)} /></g>`;
    })}
  </svg>`;
}

function useWidth(element) {
  const [width, set] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => set(Math.floor(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return width;
}

export function MapView({ parameters }) {
  const live = useLive('system', 'link');
  const frame = useRef(null);
  const canvas = useRef(null);
  const flow = useRef(null);
  const width = useWidth(frame);
  const { system } = live;
  const placed = useMemo(() => (system && width > 0 ? layout(system, width) : null), [system, width]);
  useLayoutEffect(() => {
    flow.current = new Flow(canvas.current);
    return () => flow.current.end();
  }, []);
  useLayoutEffect(() => {
    // Nothing moves while nothing is known.
    if (placed) flow.current.show(live.link === 'lost' ? [] : placed.edges, placed.width, placed.height);
  }, [placed, live.link]);

  const chosen = parameters.select;
  const select = (id) => replace('map', [], id === chosen ? {} : { select: id });
  const total = (system?.services ?? []).reduce((sum, service) => sum + service.instances.length, 0);
  const escape = (event) => event.key === 'Escape' && chosen && replace('map', [], {});
  return html`<div class="map-page" onKeyDown=${escape}>
    <section class="map" aria-label="System">
      <div class="map-area" ref=${frame} style=${{ height: `${placed?.height ?? 420}px` }}>
        ${placed?.groups.map(
          (
            one,
          ) => html`<div key=${one.name} class=${`group ${tone(one.name)}`} role="group" aria-label=${one.name}
            style=${place(one)}>
          <span class="group-head"><${Service} name=${one.name} /><span class="note">
            ${one.rows.length ? plural(one.rows.length, 'instance') : ''}</span></span>
          ${one.rows.length === 0 && html`<span class="group-none">no instance</span>`}</div>`,
        )}
        ${placed && html`<${Arrows} placed=${placed} system=${system} isSelected=${(key) => key === chosen}
          onSelect=${select} />`}
        <canvas ref=${canvas} class="flow"
          style=${{ width: `${placed?.width ?? 0}px`, height: `${placed?.height ?? 0}px` }} aria-hidden="true"></canvas>
        ${placed?.nodes.map((node) => html`<${Node} key=${node.id} node=${node} system=${system}
          selected=${node.id === chosen} onSelect=${() => select(node.id)} />`)}
        ${placed?.groups.flatMap((one) => one.rows).map((box) => html`<${Instance} key=${box.id} box=${box}
          selected=${box.id === chosen} onSelect=${() => select(box.id)} />`)}
        ${placed?.labels.map((label) => html`<${Label} key=${label.key} label=${label}
          selected=${label.key === chosen} onSelect=${() => select(label.key)} />`)}
      </div>
      ${
        system &&
        total === 0 &&
        html`<${Empty} title="No instance is registered">
          <p>The registry at ${system.registry?.address ?? 'its address'} lists none. Start the whole stack:</p>
          <pre>cargo run -p devstack</pre>
        <p>or one service beside it:</p><pre>cargo run -p rating</pre><//>`
      }
      ${!system && html`<${Empty} title="Waiting for the first observation">
        <p>The console looks at the registry and at every instance once per second.</p><//>`}
    </section>
    <${Details} chosen=${chosen} placed=${placed} live=${live} onClose=${() => replace('map', [], {})} />
  </div>`;
}
