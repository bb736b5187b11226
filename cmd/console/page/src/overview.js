// The figures above every view.
import { html } from './html.js';
import { useLive } from './live.js';
import { count, rate, short, dropped } from './format.js';
import { Sparkline } from './series.js';

const STATES = { connecting: 'connecting', live: 'live', lost: 'disconnected' };

function Figure({ name, value, note, kind = '', children }) {
  return html`<div class=${`figure ${kind}`}><dt>${name}</dt><dd><span class="figure-value">${value}</span>
    ${note && html`<span class="figure-note">${note}</span>`}${children}</dd></div>`;
}

export function Overview() {
  const live = useLive('system', 'traces', 'link');
  const { responses, services = [], telemetry } = live.system ?? {};
  const instances = services.flatMap((service) => service.instances).filter((instance) => instance.state !== 'gone');
  const ready = instances.filter((instance) => instance.state === 'ready' && !instance.ejected).length;
  const failed = responses?.failed;
  const drops = dropped(live.traces?.dropped);
  const spansDropped = telemetry?.dropped ?? 0;
  return html`<dl class="overview" aria-label="Overview">
    <${Figure} name="Failed responses"
      kind=${failed > 0 ? 'failed is-bad' : failed === 0 ? 'failed is-good' : 'failed'} value=${count(failed)}
      note=${responses && `of ${short(responses.total)} since start`} />
    <${Figure} name="Responses" value=${rate(responses?.perSecond)}><${Sparkline} series=${live.rate} /><//>
    <${Figure} name="Instances"
      kind=${instances.length > ready ? 'is-warn' : ''} value=${live.system ? `${ready} / ${instances.length}` : '–'} note="ready" />
    <${Figure} name="Telemetry" value=${rate(telemetry?.spansPerSecond)}
      note=${telemetry && (spansDropped > 0 ? `spans · ${short(spansDropped)} dropped` : 'spans · none dropped')} />
    <${Figure} name="Traces kept" value=${short(live.traces?.stored)}
      note=${live.traces && (drops.total ? `· ${short(drops.total)} dropped` : `of ${short(live.traces.limit)}`)} />
    <div class=${`figure figure-link is-${live.link}`}><dt>Console</dt><dd><span class="link-state">
      <i class="pulse" aria-hidden="true"></i>${STATES[live.link]}</span></dd></div>
  </dl>`;
}
