// Chromium, and what is asserted of every page: no error in its console, nothing that CSP refuses, no axe violation, no
// content beyond the right edge.
import axe from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { strict as assert } from 'node:assert';
import { join } from 'node:path';

const AxeBuilder = axe.default ?? axe;
export const PATIENCE_MS = 15_000;
export const WIDTHS = { 390: 844, 768: 1024, 1280: 860, 1920: 1080 };

export class Browser {
  static async start(shots) {
    const chrome = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--js-flags=--expose-gc'],
    });
    return new Browser(chrome, shots);
  }

  constructor(chrome, shots) {
    Object.assign(this, { chrome, shots, contexts: [], errors: [], page: null });
  }

  /** Opens a hash route in a new page. */
  async open(base, hash = '', { width = 1280, scheme = 'dark', motion = 'no-preference', expectErrors = false } = {}) {
    const context = await this.chrome.newContext({
      viewport: { width, height: WIDTHS[width] ?? 860 },
      colorScheme: scheme,
      reducedMotion: motion,
    });
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.errors.push(error.stack));
    page.on(
      'console',
      (message) =>
        message.type() === 'error' &&
        !expectErrors &&
        this.errors.push(`${message.text()} (${message.location().url})`),
    );
    await page.goto(`${base}/${hash}`);
    this.page = page;
    return page;
  }

  /** Fails if a page has reported an error. */
  complain() {
    const { errors } = this;
    this.errors = [];
    assert.deepEqual(errors, []);
  }

  async shot(page, name) {
    await page.screenshot({ path: join(this.shots, `${name}.png`) });
  }

  async axe(page, name) {
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.flatMap(({ id, help, nodes }) =>
      nodes
        .slice(0, 3)
        .map(
          (node) =>
            `${name}: ${id}: ${help}: ${node.target} ${node.html.slice(0, 160)} ${node.failureSummary?.split('\n')[1] ?? ''}`,
        ),
    );
    assert.deepEqual(found, []);
  }

  async fits(page, name) {
    const over = await page.evaluate(() => {
      const main = document.querySelector('main');
      return [document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth];
    });
    assert.ok(Math.max(...over) <= 0, `${name} is ${over} pixels wider than the window`);
  }

  async failed(name) {
    this.errors = [];
    await this.page?.screenshot({ path: join(this.shots, `failed-${name}.png`) }).catch(() => {});
  }

  async closePages() {
    await Promise.all(this.contexts.splice(0).map((context) => context.close()));
    this.errors = [];
  }

  end() {
    return this.chrome.close();
  }
}
