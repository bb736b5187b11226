// A ring of the last numbers, and its drawing as a sparkline.
import { html } from './html.js';
import { known } from './format.js';

export class Series {
  constructor(size) {
    this.numbers = new Float64Array(size).fill(NaN);
    this.next = 0;
  }

  push(number) {
    this.numbers[this.next] = known(number) ? number : NaN;
    this.next = (this.next + 1) % this.numbers.length;
  }

  /** Returns the numbers, the oldest first; unknown ones are NaN. */
  all() {
    return [...this.numbers.subarray(this.next), ...this.numbers.subarray(0, this.next)];
  }
}

const SHORTEST = 30;

/** Draws a series; its meaning is in the text beside it, so that it is hidden from screen readers. */
export function Sparkline({ series, width = 96, height = 28, kind = '' }) {
  // A short history fills the drawing from the left.
  const all = series?.all() ?? [];
  const begin = all.findIndex(known);
  const numbers = begin < 0 ? [] : all.slice(begin);
  const largest = Math.max(1e-9, ...numbers.filter(known));
  const step = width / Math.max(SHORTEST, numbers.length - 1);
  let line = '';
  let area = '';
  let from = -1;
  const end = (at) => {
    if (from >= 0) area += `L${((at - 1) * step).toFixed(1)} ${height}L${(from * step).toFixed(1)} ${height}Z`;
    from = -1;
  };
  numbers.forEach((number, at) => {
    if (!known(number)) return end(at);
    const point = `${(at * step).toFixed(1)} ${(height - 2 - (number / largest) * (height - 4)).toFixed(1)}`;
    line += `${from < 0 ? 'M' : 'L'}${point}`;
    area += `${from < 0 ? 'M' : 'L'}${point}`;
    if (from < 0) from = at;
    return undefined;
  });
  end(numbers.length);
  return html`<svg class=${`spark ${kind}`} viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height}
    preserveAspectRatio="none" aria-hidden="true"><path class="spark-area" d=${area} />
      <path class="spark-line" d=${line} /></svg>`;
}
