// The moving dots, on a canvas above the arrows. Dots per second follow the rate, compressed so that 2,000 events a
// second still are dots; the number of dots is bounded. Nothing moves if the reader prefers that.
import { pointAt } from './layout.js';
import { known } from '../format.js';

const MAX_DOTS = 40;
const FRAME_MS = 33;
const TRAVEL_S = { events: 2.6, calls: 1.5 };

/** Returns the dots per second for a rate: up to 1 a second exactly, then logarithmic. */
export const dotsPerSecond = (rate) => (known(rate) && rate > 0 ? Math.min(rate, 1.7 * Math.log2(1 + rate)) : 0);

export class Flow {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
    this.arrows = new Map();
    this.last = 0;
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
    this.draw = this.draw.bind(this);
    this.readColours();
    this.readColours = this.readColours.bind(this);
    addEventListener('theme', this.readColours);
    this.frame = requestAnimationFrame(this.draw);
  }

  readColours() {
    const style = getComputedStyle(this.canvas);
    this.colours = Object.fromEntries(
      ['calls', 'events', 'bad'].map((name) => [name, style.getPropertyValue(`--flow-${name}`).trim()]),
    );
  }

  /** Replaces the arrows; dots that are under way stay. */
  show(edges, width, height) {
    const ratio = Math.min(2, devicePixelRatio || 1);
    if (this.width !== width || this.height !== height || this.ratio !== ratio) {
      Object.assign(this, { width, height, ratio });
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
    }
    const before = this.arrows;
    this.arrows = new Map(
      edges.map(({ key, points, kind, edge }) => {
        const old = before.get(key);
        return [
          key,
          {
            points,
            kind,
            rate: edge.perSecond,
            errors: edge.errorRatio ?? 0,
            dots: old?.dots ?? [],
            due: old?.due ?? Math.random(),
            bad: old?.bad ?? 0,
          },
        ];
      }),
    );
    this.readColours();
  }

  draw(now) {
    this.frame = requestAnimationFrame(this.draw);
    if (now - this.last < FRAME_MS) return;
    const passed = Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    const { context, ratio } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.still.matches) return;
    for (const arrow of this.arrows.values()) this.move(arrow, passed);
  }

  move(arrow, passed) {
    const { context } = this;
    arrow.due += dotsPerSecond(arrow.rate) * passed;
    while (arrow.due >= 1) {
      arrow.due -= 1;
      arrow.bad += arrow.errors;
      const isBad = arrow.bad >= 1;
      if (isBad) arrow.bad -= 1;
      if (arrow.dots.length < MAX_DOTS) arrow.dots.push({ at: 0, isBad });
    }
    const step = passed / TRAVEL_S[arrow.kind];
    arrow.dots = arrow.dots.filter((dot) => (dot.at += step) < 1);
    const size = arrow.kind === 'events' ? 3.4 : 2.2;
    for (const dot of arrow.dots) {
      const [x, y] = pointAt(arrow.points, dot.at);
      context.globalAlpha = Math.min(1, dot.at * 8, (1 - dot.at) * 8);
      context.fillStyle = dot.isBad ? this.colours.bad : this.colours[arrow.kind];
      context.beginPath();
      context.arc(x, y, size, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  end() {
    cancelAnimationFrame(this.frame);
    removeEventListener('theme', this.readColours);
  }
}
