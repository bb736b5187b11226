// The waterfall of a trace: a tree of spans with their place in time.
import { html, Icon, tone } from '../html.js';
import { useMemo, useState } from 'preact/hooks';
import { Grid, useNarrow } from '../grid.js';
import { duration } from '../format.js';
import { bounds, build, flatten, notes, titleOf } from './tree.js';

const TICKS = [0, 0.25, 0.5, 0.75, 1];

function Axis({ length }) {
  return html`<span class="axis">${TICKS.map((tick) => html`<span key=${tick} class=${`tick tick-${tick * 100}`}>
    ${duration(length * tick)}</span>`)}</span>`;
}

function Bar({ span, time, marks }) {
  const at = (ms) => Math.max(0, Math.min(1000, ((ms - time.from) / time.length) * 1000));
  const [from, to] = [at(span.startMs), at(span.startMs + span.durationMs)];
  const isLate = from > 700;
  const text = { left: `${isLate ? 0 : Math.min(100, to / 10)}%`, width: isLate ? `${from / 10}%` : 'auto' };
  return html`<span class="timeline"><svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
      ${TICKS.slice(1, -1).map((tick) => html`<line key=${tick}
        class="tick-line" x1=${tick * 1000} x2=${tick * 1000} y1="-8" y2="28" />`)}
      <rect class=${`bar ${tone(span.service)} ${span.error ? 'is-bad' : ''} ${span.linked ? 'is-linked' : ''}`}
        x=${Math.min(from, 997)} y="4" width=${Math.max(3, to - from)} height="12" />
      ${marks.map((mark, index) => html`<rect key=${index} class=${`mark mark-${mark.kind}`}
        x=${Math.min(996, at(mark.timeMs))} y="1" width="4" height="18" />`)}
    </svg><span class=${`bar-text ${isLate ? 'is-before' : ''}`} style=${text}>${duration(span.durationMs)}</span>
      </span>`;
}

/** The times of a span's events and log records. */
const marksOf = (span, logs) => [
  ...(span.events ?? [])
    .slice(0, 20)
    .map((event) => ({ timeMs: event.timeMs, kind: event.name === 'exception' ? 'bad' : 'event' })),
  ...logs
    .slice(0, 20)
    .map((log) => ({
      timeMs: log.timeMs,
      kind: log.level === 'error' ? 'bad' : log.level === 'warn' ? 'warn' : 'event',
    })),
];

function Name({ node, folded, onFold }) {
  const { span, children, via } = node;
  const style = { paddingInlineStart: `${(node.level - 1) * 14}px` };
  return html`<span class="span-name" style=${style}>
    ${
      children.length
        ? html`<span class=${`fold ${folded ? '' : 'is-open'}`} onClick=${(event) => {
            event.stopPropagation();
            onFold();
          }}><${Icon} name="chevron" size=${14} /></span>`
        : html`<span class="fold"></span>`
    }
    <i class=${`dot ${tone(span.service)}`} aria-hidden="true"></i>
    <span class="span-title" title=${span.name}><span class="hidden">${span.service} </span>
      ${via === 'link' && html`<span class="chip small is-link">
      <${Icon} name="link" size=${12} />link</span> `}${titleOf(span)}</span>
    ${span.error && html`<span class="error-mark"
      title=${span.message ?? 'failed'}>!<span class="hidden"> failed</span></span>`}
    <span class="span-notes">
      ${notes(span).map((note) => (note.kind === 'text' ? html`<span key=${note.text} class="note mono">${note.text}
      </span>` : html`<span key=${note.text} class=${`chip small is-${note.kind}`}>${note.text}</span>`))}</span>
  </span>`;
}

/** `selected` is the key of a span; `onSelect` receives a node. */
export function Waterfall({ trace, selected, onSelect, onEscape, label = 'Spans', lines }) {
  const [folded, setFolded] = useState(() => new Set());
  const narrow = useNarrow(760);
  const roots = useMemo(() => build(trace.spans), [trace]);
  const rows = useMemo(() => flatten(roots, folded), [roots, folded]);
  const time = useMemo(() => bounds(trace), [trace]);
  const logsOf = useMemo(() => {
    const found = new Map();
    for (const log of trace.logs ?? []) found.set(log.spanId, [...(found.get(log.spanId) ?? []), log]);
    return found;
  }, [trace]);
  const fold = (node, isFolded) =>
    setFolded((old) => {
      const next = new Set(old);
      if (isFolded) next.add(node.key);
      else next.delete(node.key);
      return next;
    });
  const pressed = (event, node) => {
    if (event.key === 'ArrowLeft' && node.children.length && !folded.has(node.key)) fold(node, true);
    else if (event.key === 'ArrowRight' && node.children.length && folded.has(node.key)) fold(node, false);
    else if (event.key === 'Escape' && onEscape) onEscape();
    else return false;
    return true;
  };
  const rowHeight = narrow || lines === 2 ? 52 : 32;
  return html`<${Grid} label=${label} kind="treegrid" look=${`grid-waterfall ${rowHeight === 52 ? 'two-lines' : ''}`}
    columns=${[
    ['span', 'Span'],
    ['timeline', html`<${Axis} length=${time.length} />`],
  ]}
    rows=${rows} keyOf=${(node) => node.key} rowHeight=${rowHeight} selected=${selected ?? null} onOpen=${onSelect} onKey=${pressed}
    rowProps=${(node) => ({ 'aria-level': node.level, 'aria-expanded': node.children.length ? !folded.has(node.key) : undefined, class: `${node.span.linked ? 'row-linked' : ''} ${node.span.error ? 'row-error' : ''}` })}
    cells=${(node) => [html`<${Name} node=${node} folded=${folded.has(node.key)}
      onFold=${() => fold(node, !folded.has(node.key))} />`, html`<${Bar} span=${node.span} time=${time}
      marks=${marksOf(node.span, logsOf.get(node.span.spanId) ?? [])} />`]} />`;
}
