// Partitions, offsets, lag, batches and dead letters.
import { html, Banner, Empty } from './html.js';
import { useState } from 'preact/hooks';
import { useLive } from './live.js';
import { clock, count, duration, pretty, rate, seconds, short, UNKNOWN } from './format.js';
import { Sparkline } from './series.js';

const MAX_LETTERS = 100;
const STATES = { reading: 'good', paused: 'warn', stalled: 'bad', lost: 'bad', unreadable: 'bad' };

function Lag({ partition }) {
  const { storedOffset, endOffset, lag } = partition;
  const done =
    endOffset > 0 && lag !== undefined && lag !== null ? Math.max(0, Math.min(1, 1 - lag / endOffset)) : undefined;
  return html`<span class="lag"><span class=${lag > 0 ? 'num is-warn' : 'num'}>${count(lag)}</span>
    ${
      done !== undefined &&
      html`<svg class="lag-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect class="lag-all" width="100" height="4" />
        <rect class="lag-done" width=${Math.max(1, done * 100)} height="4" /></svg>`
    }
    <span class="hidden">${storedOffset === undefined ? '' : ` of ${count(endOffset)}`}</span></span>`;
}

function Partitions({ instance }) {
  if (!instance.partitions?.length)
    return html`<p class="note">This instance has no partition: another one reads them.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${`Partitions of ${instance.id}`}>
    <table class="table">
    <thead><tr><th scope="col">Topic</th><th scope="col" class="num">Partition</th><th scope="col">State</th>
      <th scope="col" class="num">Stored</th>
      <th scope="col" class="num">End</th><th scope="col" class="num">Lag</th>
        <th scope="col" class="num">Lag in time</th></tr></thead>
    <tbody>${instance.partitions.map(
      (one) => html`<tr key=${`${one.topic}/${one.partition}`}>
      <td>${one.topic}</td><td class="num">${one.partition}</td>
      <td><span class=${`chip is-${STATES[one.state] ?? 'plain'}`} title=${one.reason ?? undefined}>${one.state}
        </span>${one.reason && html`<span class="note"> ${one.reason}</span>`}</td>
      <td class="num">${count(one.storedOffset)}</td><td class="num">${count(one.endOffset)}</td>
      <td class="num"><${Lag} partition=${one} /></td><td class="num">
        ${one.lag === 0 ? '0 s' : seconds(one.lagSeconds ?? NaN)}</td></tr>`,
    )}</tbody>
  </table></div>`;
}

function Instance({ instance, series }) {
  const kinds = Object.entries(instance.events ?? {});
  return html`<section class="card" aria-label=${instance.id}>
    <header class="card-head"><h2 class="mono">${instance.id}</h2></header>
    ${instance.error && html`<${Banner}>No report: ${instance.error}<//>`}
    ${instance.blocked && html`<${Banner} kind="warn">Blocked: ${instance.blocked}<//>`}
    <dl class="stats">
      <div><dt>Events</dt><dd><strong>${rate(instance.eventsPerSecond)}</strong>
        <${Sparkline} series=${series} width=${120} height=${32} kind="spark-events" /></dd></div>
      <div><dt>Mean batch</dt><dd><strong>${short(instance.meanBatchEvents)}</strong> events</dd></div>
      <div><dt>Mean commit</dt><dd><strong>${duration(instance.meanBatchMs)}</strong></dd></div>
      <div><dt>Batches</dt><dd><strong>${count(instance.batches)}</strong></dd></div>
    </dl>
    ${
      kinds.length > 0 &&
      html`<ul class="chips" aria-label="Events by outcome">${kinds.map(
        ([name, number]) => html`<li key=${name}
      class=${`chip ${name === 'rejected' && number > 0 ? 'is-bad' : 'is-plain'}`}>${name} <b>${count(number)}</b>
        </li>`,
      )}</ul>`
    }
    <${Partitions} instance=${instance} />
  </section>`;
}

function Letter({ letter }) {
  const [open, setOpen] = useState(false);
  return html`<li class="letter">
    <button type="button" class="letter-head" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <span class="letter-time mono">${clock(letter.timeMs)}</span>
      <span class="letter-reason">${letter.reason}</span>
      <span class="letter-place mono">partition ${letter.partition} · offset ${count(letter.offset)}</span>
    </button>
    ${open && html`<div class="letter-body">${letter.key && html`<p class="note">Key <code>${letter.key}</code></p>`}
      <pre tabindex="0">${pretty(letter.event)}</pre></div>`}
  </li>`;
}

function DeadLetters({ letters: { topic, available, letters = [] } = {} }) {
  const shown = letters.slice(0, MAX_LETTERS);
  return html`<section class="card" aria-label="Dead letters">
    <header class="card-head"><h2>Dead letters</h2><span class="note mono">${topic}</span><span class="card-side">
      ${available ? count(letters.length) : UNKNOWN}</span></header>
    ${available === false && html`<p class="note">The topic of dead letters can't be read: the broker does not respond, or this console has none.</p>`}
    ${available && shown.length === 0 && html`<p class="note good-note">None: every event was applied.</p>`}
    <ul class="letters">${shown.map((letter) => html`<${Letter}
      key=${`${letter.partition}/${letter.offset}/${letter.timeMs}`} letter=${letter} />`)}</ul>
    ${letters.length > shown.length && html`<p class="note">The newest ${MAX_LETTERS} of ${count(letters.length)} are shown.</p>`}
  </section>`;
}

export function IngestionView() {
  const live = useLive('ingestion');
  if (!live.ingestion)
    return html`<${Empty} title="No report yet"><p>The console asks the instances of rating once per second.</p><//>`;
  const { instances, deadLetters } = live.ingestion;
  const [reading, idle] = [
    instances.filter((one) => one.partitions?.length || one.error || one.blocked),
    instances.filter((one) => !one.partitions?.length && !one.error && !one.blocked),
  ];
  const lag = reading.flatMap((one) => one.partitions).reduce((sum, one) => sum + (one.lag ?? 0), 0);
  return html`<div class="page">
    <p class="lead">Viewers' ratings arrive as events on a Kafka topic. rating applies them in batches, one transaction each, and stores the offsets in the same
      transaction. ${reading.length > 0 && (lag === 0 ? 'It is up to date.' : `It is ${count(lag)} events behind.`)}</p>
    ${
      instances.length === 0 &&
      html`<${Empty} title="Nothing is ingesting">
        <p>No instance of rating is registered. Start the stack with simulated viewers:</p>
      <pre>cargo run -p devstack</pre><//>`
    }
    ${reading.map((instance) => html`<${Instance} key=${instance.id} instance=${instance}
      series=${live.ingested.get(instance.id)} />`)}
    ${
      idle.length > 0 &&
      html`<section class="card" aria-label="Instances without partitions"><header class="card-head"><h2>
        ${reading.length ? 'Standby' : 'Without partitions'}</h2></header>
      <p class="note">These instances read no partition; they take over if their owner leaves.</p>
      <ul class="chips">${idle.map((one) => html`<li key=${one.id} class="chip is-plain mono">${one.id}</li>`)}</ul>
        </section>`
    }
    <${DeadLetters} letters=${deadLetters} />
  </div>`;
}
