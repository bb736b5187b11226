// The dialog with the shortcuts, and what takes the console's place in production.
import { html, Icon } from './html.js';
import { useEffect, useRef } from 'preact/hooks';

const KEYS = [
  [['/'], 'Search in the view'],
  [['↑', '↓'], 'Move in lists and in the waterfall'],
  [['Home', 'End'], 'First and last row'],
  [['Enter'], 'Open the row'],
  [['←', '→'], 'Fold and unfold spans'],
  [['Esc'], 'Close the panel; from a trace, back to the list'],
  [['Space'], 'Logs: pause and go on'],
  [['Ctrl', 'Enter'], 'Try it: send the request'],
  [['?'], 'This help'],
];

export function Help({ views, onClose }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`<dialog ref=${dialog} class="help" aria-labelledby="help-title" onClose=${onClose}
    onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
    <div class="help-body">
      <header><h2 id="help-title">Help</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${() => dialog.current.close()}>
        <${Icon} name="close" /></button></header>
      <h3>Shortcuts</h3>
      <dl class="keys">
        ${views.map(([key, text], at) => html`<div key=${key}><dt><kbd>${at + 1}</kbd></dt><dd>${text}</dd></div>`)}
        ${KEYS.map(([keys, text]) => html`<div key=${text}><dt>${keys.map((key) => html`<kbd key=${key}>${key}
          </kbd>`)}</dt><dd>${text}</dd></div>`)}
      </dl>
      <h3>In production</h3>
      <p>The console reads only what every service offers: OTLP, <code>/metrics</code>, the registry, <code>/v1/ingestion</code>.
        It keeps a bounded part of it in memory. A fleet in production uses Jaeger or Tempo for traces, Prometheus for metrics
        and alerts, and Grafana for dashboards; <code>deploy/observability</code> has their configuration.</p>
    </div>
  </dialog>`;
}
