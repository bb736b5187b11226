// The template function, and small pieces of markup that every view uses.
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);

const PATHS = {
  map: 'M4 6h5v5H4zM15 13h5v5h-5zM9 8.5h4.5v7H15',
  traces: 'M4 6h9M8 12h10M12 18h8',
  ingestion: 'M4 7h6l4 10h6M4 17h6M14 7h6',
  logs: 'M5 6h14M5 10h14M5 14h9M5 18h11',
  try: 'M5 12h13M12 6l6 6-6 6',
  break: 'M13 3 6 13h5l-1 8 8-11h-6z',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4',
  moon: 'M19 14.5A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5z',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  help: 'M9 9.5a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 1.8M12 17.5v.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18',
  close: 'M6 6l12 12M18 6 6 18',
  back: 'M15 5l-7 7 7 7',
  chevron: 'M9 6l6 6-6 6',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l11 7-11 7z',
  database:
    'M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3zM5 6v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3',
  clients: 'M4 5h16v11H4zM9 20h6M12 16v4',
  registry: 'M5 4h14v16H5zM9 9h6M9 13h6M5 8H3M5 16H3',
  broker: 'M4 7h16M4 12h16M4 17h16M8 5v4M15 10v4M10 15v4',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  producers: 'M5 4h14v10H5zM3 19h18M9 8l4 2-4 2z',
};

export function Icon({ name, size = 16 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} />
      </svg>`;
}

/** Services have fixed colours, so that a span, a log line and a node are recognized as the same service. */
const KNOWN = ['movie', 'metadata', 'rating', 'ratingingester'];

export function tone(service) {
  const at = KNOWN.indexOf(service);
  if (at >= 0) return `tone-${at}`;
  let sum = 0;
  for (const character of service ?? '') sum = (sum * 31 + character.codePointAt(0)) % 4;
  return `tone-${KNOWN.length + sum}`;
}

export function Service({ name }) {
  return html`<span class=${`service ${tone(name)}`}><i class="dot" aria-hidden="true"></i>${name || 'unknown'}</span>`;
}

/** What a view shows while it has nothing: why, and what makes something appear. */
export function Empty({ title, children, action }) {
  return html`<div class="empty"><h2>${title}</h2><div class="empty-text">${children}</div>${action}</div>`;
}

export function Banner({ kind = 'error', children }) {
  return html`<p class=${`banner banner-${kind}`} role=${kind === 'error' ? 'alert' : undefined}>${children}</p>`;
}

/** A group of buttons of which one is pressed. */
export function Segments({ label, value, options, onChange }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${options.map(
      ([key, text]) => html`<button type="button" key=${key} aria-pressed=${key === value}
      onClick=${() => onChange(key)}>${text}</button>`,
    )}
  </div>`;
}

export function Select({ label, value, options, all, onChange }) {
  return html`<label class="field"><span class="field-label">${label}</span>
    <select value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
      <option value="">${all}</option>
      ${options.map((option) => html`<option key=${option} value=${option}>${option}</option>`)}
      ${value && !options.includes(value) && html`<option value=${value}>${value}</option>`}
    </select></label>`;
}

export function Search({ label, value, placeholder, onChange, type = 'search', width }) {
  return html`<label class=${`field ${width ?? ''}`}><span class="field-label">${label}</span>
    <input type=${type} value=${value} placeholder=${placeholder} spellcheck=${false} autocomplete="off"
      min=${type === 'number' ? 0 : undefined} step=${type === 'number' ? 'any' : undefined}
      onInput=${(event) => onChange(event.currentTarget.value)} /></label>`;
}

/** A definition list of facts; facts without a value are left out. */
export function Facts({ facts }) {
  return html`<dl class="facts">${facts
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
