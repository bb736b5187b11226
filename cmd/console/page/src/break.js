// "Break it": faults by mouse, and what the callers notice of them.
import { html, Banner, Empty, Icon, Service } from './html.js';
import { useEffect, useState } from 'preact/hooks';
import * as api from './api.js';
import { useLive } from './live.js';
import { count, rate, shortInstance } from './format.js';
import { Sparkline } from './series.js';

const POLL_MS = 1000;

const ACTIONS = {
  kill: ['Kill', 'Ends it at once, without draining'],
  freeze: ['Freeze', 'It keeps its connections and stops responding'],
  slow: ['Slow down', 'Each response is delayed'],
  fail: ['Fail', 'It responds with errors'],
  cut: ['Cut off', 'The registry does not respond'],
  stop: ['Stop', 'The broker does not respond'],
  burst: ['Burst', 'Sends 20,000 events at once'],
};
const ACTIVE = {
  kill: 'Killed',
  freeze: 'Frozen',
  slow: 'Slowed down',
  fail: 'Failing',
  cut: 'Cut off',
  stop: 'Stopped',
  burst: 'Burst sent',
};

/** The state of the faults, polled while the view is open; the countdown is redrawn with it. */
function useFaults() {
  const [state, set] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    const load = () => api.faults(stop.signal).then(set, () => {});
    load();
    const timer = setInterval(load, POLL_MS);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, []);
  const apply = (target, action) =>
    api.applyFault(target, action).then(
      (body) => {
        set(body);
        setError(null);
      },
      (refused) => setError(refused.message),
    );
  return [state, error, apply];
}

function Countdown({ active }) {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const left = Math.max(0, active.healsMs - now);
  const share = Math.min(1, left / Math.max(1, active.healsMs - active.sinceMs));
  return html`<span class="countdown"><svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <circle cx="10" cy="10" r="8" class="countdown-all" />
    <circle cx="10" cy="10" r="8" class="countdown-left" pathLength="100"
      stroke-dasharray=${`${(share * 100).toFixed(1)} 100`} transform="rotate(-90 10 10)" /></svg>
    heals in ${Math.ceil(left / 1000)} s</span>`;
}

function Target({ target, name, state, apply }) {
  const { id, active, actions } = target;
  return html`<li class=${`target ${active ? 'is-broken' : ''}`}>
    <div class="target-head"><span class="target-name mono" title=${id}>${name}</span>
      ${active ? html`<span class="chip is-bad">${ACTIVE[active.action] ?? active.action}
        </span>` : state && html`<span class=${`chip is-${state.kind}`}>${state.text}</span>`}
      ${active && html`<${Countdown} active=${active} />`}</div>
    <div class="target-actions" role="group" aria-label=${id}>
      ${active && html`<button type="button" class="button primary"
        onClick=${() => apply(id, 'heal')}>Heal<span class="hidden"> ${id}</span></button>`}
      ${actions.map(
        (action) => html`<button type="button" key=${action} class="button danger" title=${ACTIONS[action]?.[1]}
        disabled=${active?.action === action} onClick=${() => apply(id, action)}>${ACTIONS[action]?.[0] ?? action}
          <span class="hidden"> ${id}</span></button>`,
      )}
    </div>
  </li>`;
}

const NAMES = { registry: 'Registry', broker: 'Kafka', topic: 'Topic of events' };
const KINDS = { ready: 'good', draining: 'warn', unready: 'warn', unreachable: 'bad', gone: 'plain' };

function Hero({ live, load }) {
  const failed = live.system?.responses?.failed;
  return html`<section class=${`hero ${failed > 0 ? 'is-bad' : 'is-good'}`} aria-label="What callers notice">
    <div class="hero-main"><p class="hero-number">${count(failed)}</p>
      <p class="hero-text">failed responses since start<br /><span class="note">
        ${failed > 0 ? 'Callers noticed: see Traces, failed.' : 'Break something: callers should not notice.'}</span>
        </p></div>
    <div class="hero-side"><p class="hero-rate">${rate(live.system?.responses?.perSecond)}</p>
      <p class="note">responses</p><${Sparkline} series=${live.rate} width=${220} height=${44} /></div>
    <dl class="hero-load"><div><dt>Load</dt><dd>
      ${load?.running ? `${rate(load.requestsPerSecond)}, running` : 'not running'}</dd></div>
      <div><dt>Sent</dt><dd>${count(load?.sent)}</dd></div><div><dt>Failed for the load</dt>
        <dd class=${load?.failed > 0 ? 'is-bad' : ''}>${count(load?.failed)}</dd></div>
      ${load?.lastFailure && html`<div><dt>Last failure</dt><dd>${load.lastFailure}</dd></div>`}</dl>
  </section>`;
}

export function BreakView() {
  const live = useLive('system');
  const [state, error, apply] = useFaults();
  if (!state) return html`<${Empty} title="One moment"><p>Asking what can be broken.</p><//>`;
  if (!state.available) {
    return html`<${Empty} title="This console only watches">
      <p>Only the console of devstack can break what it runs:</p><pre>cargo run -p devstack</pre><//>`;
  }
  const instances = new Map(
    (live.system?.services ?? []).flatMap((service) => service.instances.map((one) => [one.id, one])),
  );
  const groups = [...new Set(state.targets.filter((one) => one.kind === 'instance').map((one) => one.service))].map(
    (service) => [service, state.targets.filter((one) => one.kind === 'instance' && one.service === service)],
  );
  const others = state.targets.filter((one) => one.kind !== 'instance');
  const broken = state.targets.filter((one) => one.active);
  const stateOf = (id) => {
    const one = instances.get(id);
    return (
      one && (one.ejected ? { kind: 'warn', text: 'ejected' } : { kind: KINDS[one.state] ?? 'plain', text: one.state })
    );
  };
  return html`<div class="page page-break">
    <${Hero} live=${live} load=${state.load} />
    ${error && html`<${Banner}>${error}<//>`}
    <p class="lead">A broken part heals after a minute, or when you say so. Watch the number above, and the <a href="#/map">map</a>.
      ${broken.length > 1 && html` <button type="button" class="button small"
        onClick=${() => broken.forEach((one) => apply(one.id, 'heal'))}><${Icon}
        name="check" />Heal all ${broken.length}</button>`}</p>
    <div class="target-groups">
      ${groups.map(
        ([
          service,
          targets,
        ]) => html`<section class="card" key=${service} aria-label=${service}><header class="card-head"><h2>
          <${Service} name=${service} /></h2>
        ${targets.length === 1 && html`<span class="note">the only instance: callers will notice</span>`}</header>
        <ul class="targets">${targets.map((one) => html`<${Target} key=${one.id} target=${one}
          name=${shortInstance(one.id, service)} state=${stateOf(one.id)} apply=${apply} />`)}</ul></section>`,
      )}
      ${
        others.length > 0 &&
        html`<section class="card" aria-label="Around the services"><header class="card-head">
          <h2>Around the services</h2></header>
        <ul class="targets">${others.map((one) => html`<${Target} key=${one.id} target=${one}
          name=${NAMES[one.kind] ?? one.id} apply=${apply} />`)}</ul></section>`
      }
    </div>
  </div>`;
}
