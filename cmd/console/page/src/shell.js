// The frame of every view: navigation, the overview, the state of the connection, shortcuts and help.
import { html, Icon } from './html.js';
import { useEffect, useRef, useState } from 'preact/hooks';
import { faults } from './api.js';
import { Help } from './help.js';
import { Overview } from './overview.js';
import { useLive } from './live.js';
import { go, link, useRoute } from './router.js';
import { ThemeButton } from './theme.js';
import { seconds } from './format.js';
import { MapView } from './map/view.js';
import { TracesView } from './traces/list.js';
import { TraceView } from './traces/detail.js';
import { IngestionView } from './ingestion.js';
import { LogsView } from './logs.js';
import { TryView } from './trial/view.js';
import { BreakView } from './break.js';

export const VIEWS = [
  ['map', 'Map', MapView],
  ['traces', 'Traces', TracesView],
  ['ingestion', 'Ingestion', IngestionView],
  ['logs', 'Logs', LogsView],
  ['try', 'Try it', TryView],
  ['break', 'Break it', BreakView],
];

/** Typing into a field is no shortcut. */
const isTyping = (target) => target.closest?.('input, textarea, select, [contenteditable]') !== null;

function useShortcuts(views, setHelp) {
  useEffect(() => {
    const pressed = (event) => {
      if (
        event.altKey ||
        event.ctrlKey ||
        event.metaKey ||
        isTyping(event.target) ||
        document.querySelector('dialog[open]')
      )
        return;
      const at = Number(event.key);
      if (event.key === '?') setHelp(true);
      else if (event.key === '/') document.querySelector('main input[type="search"]')?.focus();
      else if (at >= 1 && at <= views.length) go(views[at - 1][0]);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [views.length]);
}

/** Whether this console can break anything; unknown until the server has responded. */
function useBreakable() {
  const [available, set] = useState(undefined);
  const { link: state } = useLive('link');
  useEffect(() => {
    if (state !== 'lost')
      faults().then(
        (body) => set(body.available === true),
        () => {},
      );
  }, [state]);
  return available;
}

function Lost() {
  const { link: state, lostAt } = useLive('link', 'system');
  const [, tick] = useState(0);
  useEffect(() => {
    if (state !== 'lost') return undefined;
    const timer = setInterval(() => tick((number) => number + 1), 1000);
    return () => clearInterval(timer);
  }, [state]);
  return html`<div class="lost" role="status">${
    state === 'lost' &&
    html`<p>
    <strong>The console does not respond.</strong>${' '}
    <span aria-hidden="true">What you see is ${seconds(Math.round((Date.now() - lostAt) / 1000))} old. </span>
    The page connects again by itself. If you stopped it: <code>cargo run -p devstack</code>.</p>`
  }</div>`;
}

export function Shell() {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const available = useBreakable();
  const { link: state } = useLive('link');
  const main = useRef(null);
  const views = VIEWS.filter(([name]) => name !== 'break' || available !== false);
  useShortcuts(views, setHelp);

  const [name, title, View] = views.find(([name]) => name === route.view) ?? views[0];
  const isTrace = name === 'traces' && route.path.length > 0;
  useEffect(() => {
    document.title = `${isTrace ? 'Trace' : title} · Marquee console`;
  }, [title, isTrace]);
  useEffect(() => {
    // On narrow windows the tabs scroll.
    document.querySelector('.tabs [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [name]);
  const place = `${name}/${route.path.join('/')}`;
  const before = useRef(place);
  useEffect(() => {
    // Keyboard and screen reader continue in the new view.
    if (before.current !== place) main.current.focus({ preventScroll: true });
    before.current = place;
  }, [place]);

  return html`<div class=${`shell link-${state}`}>
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      main.current.focus();
    }}>Skip to the view</a>
    <header class="top">
      <div class="topbar">
        <a class="brand" href=${link('map')}><img src="/assets/icon.svg" width="24" height="24" alt="" />
          <span>Marquee</span></a>
        <nav class="tabs" aria-label="Views">${views.map(
          ([key, text], at) => html`<a key=${key} href=${link(key)}
          aria-current=${key === name ? 'page' : undefined} title=${`${text} (${at + 1})`}><${Icon} name=${key} />
            ${text}</a>`,
        )}</nav>
        <div class="tools">
          <${ThemeButton} />
          <button type="button" class="quiet" aria-label="Help and shortcuts" title="Help (?)"
            onClick=${() => setHelp(true)}><${Icon} name="help" /></button>
        </div>
      </div>
      <${Overview} />
      <${Lost} />
    </header>
    <main id="main" ref=${main} tabindex="-1" class=${`view view-${name}`}>
      <h1 class="hidden">${isTrace ? 'Trace' : title}</h1>
      ${isTrace ? html`<${TraceView} id=${route.path[0]}
        span=${route.parameters.span} />` : html`<${View} ...${route} />`}
    </main>
    ${help && html`<${Help} views=${views} onClose=${() => setHelp(false)} />`}
  </div>`;
}
