// What a reader does in each view.
import { strict as assert } from 'node:assert';
import { PATIENCE_MS, WIDTHS } from './browser.mjs';

const VIEWS = {
  map: '#/map',
  traces: '#/traces',
  ingestion: '#/ingestion',
  logs: '#/logs',
  try: '#/try',
  break: '#/break',
};

/** The first thing that shows that a view has its content, also of an empty console. */
const READY = {
  map: '.node, .empty',
  traces: '.grid-traces [role="row"][tabindex], .empty',
  ingestion: '.card',
  logs: '.grid-logs [role="row"][tabindex], .empty',
  try: '.request-line, .empty',
  break: '.hero, .empty',
};

const until = async (what, holds) => {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail(`waited for: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
};

async function looks({ browser, base }) {
  for (const scheme of ['dark', 'light']) {
    for (const width of Object.keys(WIDTHS).map(Number)) {
      for (const [view, hash] of Object.entries(VIEWS)) {
        const page = await browser.open(base, hash, { width, scheme, motion: 'reduce' });
        await page.locator('.link-live').waitFor();
        if (!(await page.locator(`.tabs a[href="#/${view}"]`).count())) continue;
        await page.locator(READY[view]).first().waitFor();
        if (view === 'map') await until('the panel', async () => (await page.locator('.legend').count()) === 1);
        await browser.fits(page, `${view} at ${width}`);
        if (width === 390 || width === 1280) await browser.axe(page, `${view}, ${scheme}, ${width}`);
        await browser.shot(page, `${view}-${width}-${scheme}`);
        await browser.closePages();
      }
    }
  }
}

async function map({ browser, base }) {
  const page = await browser.open(base, '#/map');
  await page.locator('.instance').first().waitFor();
  const ids = await page.locator('.instance .node-id').allTextContents();
  assert.ok(ids.length >= 3, `instances: ${ids}`);
  const figures = await page.locator('.label-calls').first().textContent();
  assert.match(figures, /\/s|–/);
  assert.match(figures, /p50.*p99/);
  const places = () => page.locator('.node').evaluateAll((all) => all.map((one) => one.style.transform));
  const before = await places();
  await page.waitForTimeout(2500);
  assert.deepEqual(await places(), before, 'nothing moves while the fleet is the same');
  // By keyboard: an instance, its panel, and away.
  await page.locator('.instance').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('.side-kind').waitFor();
  assert.match(page.url(), /select=/);
  await browser.axe(page, 'map with a panel');
  await browser.shot(page, 'map-panel');
  await page.keyboard.press('Escape');
  await page.locator('.legend').waitFor();
}

async function mapShowsFaults({ browser, base, mock }) {
  const page = await browser.open(base, '#/map');
  await page.locator('.instance').first().waitFor();
  const id = mock.fleet.of('rating')[0].id;
  mock.fleet.apply(id, 'kill');
  await page.locator('.instance.is-bad, .instance.is-ejected').first().waitFor();
  await page.locator('.change', { hasText: `${id} is unreachable` }).waitFor();
  await page.locator('.arrow.is-ejected').first().waitFor({ state: 'attached' });
  await browser.axe(page, 'map with a fault');
  await browser.shot(page, 'map-fault');
  mock.fleet.apply('registry', 'cut');
  await page.locator('.node-registry.is-bad').waitFor();
  mock.fleet.instances = mock.fleet.instances.filter((one) => one.id !== id);
  await page.locator('.change', { hasText: `${id} left` }).waitFor();
  assert.equal(await page.locator('.node-id', { hasText: id.slice('rating-'.length) }).count(), 0);
}

/** From the list to a span and back, with the keyboard alone. */
async function tracesByKeyboard({ browser, base, mock }) {
  const page = await browser.open(base, '#/try', { expectErrors: !mock });
  // A console without load has traces once requests are tried.
  for (let sent = 1; !mock && sent <= 3; sent += 1) {
    await page.getByRole('button', { name: 'Send' }).click();
    await page
      .locator('.history-row')
      .nth(sent - 1)
      .waitFor();
  }
  await page.keyboard.press('Escape');
  await page.locator('.tabs a').first().focus();
  await page.locator('.link-live').waitFor();
  await page.keyboard.press('2');
  await page.locator('.grid-traces [role="row"][tabindex="0"]').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the new view has the focus');
  for (
    let tabs = 0;
    tabs < 20 && !(await page.evaluate(() => document.activeElement.matches('[role="row"]')));
    tabs += 1
  )
    await page.keyboard.press('Tab');
  const row = () => page.evaluate(() => document.activeElement.getAttribute('aria-rowindex'));
  const first = Number(await row());
  assert.ok(first >= 2, 'a row has the focus');
  await page.keyboard.press('ArrowDown');
  await until('the next row', async () => Number(await row()) !== first);
  await page.keyboard.press('End');
  await until('the last row', async () => Number(await row()) > first + 1);
  await page.keyboard.press('Home');
  await until('the first row', async () => Number(await row()) === 2);
  await page.keyboard.press('Enter');
  await page.locator('.grid-waterfall [role="row"][tabindex="0"]').waitFor();
  assert.match(page.url(), /#\/traces\/[0-9a-f]{32}/);
  for (
    let tabs = 0;
    tabs < 20 && !(await page.evaluate(() => document.activeElement.matches('.grid-waterfall [role="row"]')));
    tabs += 1
  )
    await page.keyboard.press('Tab');
  const spans = await page.locator('.grid-waterfall [aria-level]').count();
  assert.equal(
    (await page.locator('.grid-waterfall [aria-level="1"]').first().getAttribute('aria-expanded')) === 'true',
    spans > 1,
  );
  if (spans > 1) {
    await page.keyboard.press('ArrowLeft');
    await until('folded spans', async () => (await page.locator('.grid-waterfall [aria-level]').count()) < spans);
    await page.keyboard.press('ArrowRight');
    await until('unfolded spans', async () => (await page.locator('.grid-waterfall [aria-level]').count()) === spans);
  }
  await page.keyboard.press('Enter');
  await page.locator('.span-side').waitFor();
  assert.match(page.url(), /span=/);
  await browser.axe(page, 'trace');
  await page.keyboard.press('Escape');
  await page.locator('.span-side').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await page.locator('.grid-traces').waitFor();
}

async function traceShowsAttemptsAndBatches({ browser, base, mock }) {
  const hedged = (trace) =>
    trace.spans.some((span) => span.attributes['marquee.attempt.reason'] === 'hedge') &&
    trace.spans.some((span) => span.attributes['db.system.name']);
  await until(
    'a trace with a hedge',
    () => mock.traces.all.some(hedged) || mock.traces.tick(Date.now(), mock.fleet) === null,
  );
  const trace = mock.traces.all.find(hedged);
  for (const width of [390, 1280, 1920]) {
    const page = await browser.open(base, `#/traces/${trace.traceId}`, { width });
    await page.locator('.grid-waterfall [aria-level]').first().waitFor();
    const text = await page.locator('.grid-waterfall').textContent();
    for (const part of ['try 1', 'try 2 · hedge', 'cancelled', 'coalesce', 'batch of', 'link'])
      assert.ok(text.includes(part), `the waterfall lacks "${part}": ${text}`);
    // A batch is below the read that is linked with it.
    const levels = await page
      .locator('.grid-waterfall [aria-level]')
      .evaluateAll((rows) =>
        rows.map((row) => [row.querySelector('.span-title').title, Number(row.getAttribute('aria-level'))]),
      );
    const at = levels.findIndex(([name]) => name.startsWith('coalesce'));
    assert.ok(levels[at - 1][0].startsWith('read') && levels[at][1] === levels[at - 1][1] + 1, JSON.stringify(levels));
    await page.locator('.grid-waterfall [aria-level]').nth(4).click();
    await page.locator('.span-side .attributes').waitFor();
    await browser.fits(page, `trace at ${width}`);
    await browser.axe(page, `trace at ${width}`);
    await browser.shot(page, `trace-${width}`);
    await browser.closePages();
  }
}

async function traceFilters({ browser, base, mock }) {
  mock.traces.drop();
  const page = await browser.open(base, '#/traces?order=slowest');
  await page.locator('.grid-traces [role="row"][tabindex="0"]').waitFor();
  const durations = mock.traces.list({ order: 'slowest', limit: 1 }).traces;
  assert.ok(
    (await page.locator('.grid-traces .cell-duration').nth(1).textContent()).length > 0 && durations.length === 1,
  );
  assert.match(await page.locator('.tally').first().textContent(), /traces kept, at most 5,000\.\s+1 older/);
  await page.getByLabel('At least (ms)').fill('1e9');
  await page.getByText('No trace matches').waitFor();
  assert.match(page.url(), /minDurationMs=1e9|minDurationMs=1000000000/);
  await page.getByRole('button', { name: 'Remove the filters' }).click();
  await page.locator('.grid-traces [role="row"][tabindex="0"]').waitFor();
  await page.getByLabel('Route').selectOption('send ratings');
  await until(
    'one route',
    async () => new Set(await page.locator('.grid-traces .trace-name .mono').allTextContents()).size === 1,
  );
  await page.locator('body').press('/');
  assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
}

async function traceThatIsGone({ browser, base, mock }) {
  const id = mock.traces.all[0].traceId;
  mock.traces.drop(id);
  // The browser itself reports the status 404.
  const page = await browser.open(base, `#/traces/${id}`, { expectErrors: true });
  await page.getByText('This trace is not stored').waitFor();
  await page.getByText('It was dropped to make room').waitFor();
  await browser.axe(page, 'gone');
  await browser.shot(page, 'trace-gone');
  await page.getByRole('link', { name: 'All traces' }).click();
  await page.locator('.grid-traces').waitFor();
}

async function ingestion({ browser, base, mock }) {
  mock.ingestion.burst(20_000);
  mock.ingestion.letters.unshift({
    timeMs: Date.now(),
    partition: 1,
    offset: 7,
    reason: 'value: must be 1 to 10',
    key: 'movie/42',
    event: '{"value":11}',
  });
  const page = await browser.open(base, '#/ingestion');
  await page.locator('.lag .is-warn').first().waitFor();
  assert.equal(await page.locator('.table tbody tr').count(), 4);
  await page.locator('.letter-head').first().click();
  await page.locator('.letter-body pre').waitFor();
  assert.match(await page.locator('.letter-body pre').textContent(), /"value": 11/);
  await browser.axe(page, 'ingestion with a letter');
  await until('no lag', async () => (await page.locator('.lag .is-warn').count()) === 0);
  mock.fleet.apply('broker', 'stop');
  await page.getByText('Blocked: the brokers do not respond').waitFor();
  await browser.shot(page, 'ingestion-blocked');
}

async function logs({ browser, base, mock }) {
  const page = await browser.open(base, '#/logs');
  await page.locator('.grid-logs [role="row"][tabindex]').first().waitFor();
  const last = () => page.locator('.grid-logs').getAttribute('aria-rowcount').then(Number);
  const before = await last();
  await until('new records', async () => (await last()) > before);
  await page.getByRole('button', { name: 'Pause' }).click();
  const paused = await last();
  await page.getByRole('button', { name: /Go on \(\d+ new\)/ }).waitFor();
  assert.equal(await last(), paused);
  await page.getByRole('button', { name: /Go on/ }).click();
  await until('records after the pause', async () => (await last()) > paused);
  await page.getByLabel('Service').selectOption('metadata');
  await until(
    'one service',
    async () => new Set(await page.locator('.grid-logs .cell-service .service').allTextContents()).size === 1,
  );
  const { traceId } = mock.logs.all.findLast((log) => log.traceId);
  await page.getByLabel('Service').selectOption('');
  await page.getByLabel('Trace').fill(traceId);
  await until(
    'one trace',
    async () => new Set(await page.locator('.grid-logs .cell-trace a').allTextContents()).size === 1,
  );
  await page.locator('.grid-logs [role="row"][tabindex]').first().click();
  await page.locator('.side .facts').waitFor();
  await browser.axe(page, 'log record');
  await browser.shot(page, 'logs-record');
  await page.locator('.side .facts a').click();
  await page.locator('.grid-waterfall').waitFor();
}

async function tryIt({ browser, base, mock }) {
  // A trace that has not arrived yet is a 404, which the browser reports.
  const page = await browser.open(base, '#/try', { width: 1920, expectErrors: !mock });
  await page.locator('.request-line').waitFor();
  await page.getByLabel('Route').selectOption('movie get /v1/movies/{id}');
  const field = page.locator('#parameter-id');
  await field.waitFor();
  await page.getByRole('button', { name: 'Find one' }).click();
  await until('an id', async () => (await field.inputValue()) !== '');
  await field.press('Control+Enter');
  await page.locator('.response .chip.is-good').waitFor();
  assert.equal(await page.locator('.response .chip').textContent(), '200');
  await page.locator('.trace-beside .grid-waterfall [aria-level]').first().waitFor();
  await browser.axe(page, 'try it');
  await browser.shot(page, 'try-response-1920');
  await field.fill('there is no such movie');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('.response .chip.is-warn').waitFor();
  assert.ok((await page.locator('.history-row').count()) >= 2);
  await page.getByLabel('Route').selectOption('metadata put /v1/metadata/{id}');
  const body = JSON.parse(await page.locator('#body').inputValue());
  assert.ok(typeof body.title === 'string' && Array.isArray(body.genres) && !('id' in body), JSON.stringify(body));
  // The example is accepted as it is.
  await page.locator('#parameter-id').fill('an-example-of-the-console');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('.response .chip.is-good').waitFor();
  await page.locator('#body').fill('{');
  await page.getByText('Not JSON').waitFor();
  await browser.axe(page, 'try it with a body');
  await page.getByLabel('Route').selectOption('metadata delete /v1/metadata/{id}');
  await field.fill('an-example-of-the-console');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('.history-row', { hasText: 'DELETE' }).locator('.chip.is-good').waitFor();
}

async function breakIt({ browser, base, mock }) {
  const page = await browser.open(base, '#/break');
  await page.locator('.hero').waitFor();
  await until('the number of failed responses', async () => (await page.locator('.hero-number').textContent()) === '0');
  assert.ok((await page.locator('.hero-number').evaluate((one) => parseFloat(getComputedStyle(one).fontSize))) >= 70);
  const { id } = mock.fleet.of('rating')[0];
  await page.getByRole('button', { name: `Freeze ${id}` }).click();
  await page.locator('.target.is-broken .countdown').waitFor();
  await browser.axe(page, 'a broken target');
  await browser.shot(page, 'break-frozen');
  await page.getByRole('button', { name: `Heal ${id}` }).click();
  await page.locator('.target.is-broken').waitFor({ state: 'detached' });
  assert.equal(mock.fleet.active.size, 0);
  mock.fleet.failed = 1203;
  await page.locator('.hero.is-bad').waitFor();
  assert.equal(await page.locator('.hero-number').textContent(), '1,203');
  await browser.shot(page, 'break-failed');
}

async function watchOnly({ browser, base }) {
  const page = await browser.open(base, '#/map');
  await page.locator('.node').first().waitFor();
  await until('no tab for breaking', async () => (await page.locator('.tabs a').count()) === 5);
}

async function serverGoesAway({ browser, base, mock }) {
  const page = await browser.open(base, '#/map', { expectErrors: true });
  await page.locator('.link-live').waitFor();
  const port = Number(new URL(base).port);
  await mock.stop();
  await page.getByText('The console does not respond').waitFor();
  await browser.axe(page, 'disconnected');
  await browser.shot(page, 'disconnected');
  await mock.start(port);
  await page.locator('.link-live').waitFor();
  await page.getByText('The console does not respond').waitFor({ state: 'detached' });
  // A console that was restarted has another token, which the page fetches.
  mock.token = 'another';
  await mock.stop();
  await page.locator('.link-lost').waitFor();
  await mock.start(port);
  await page.locator('.link-live').waitFor();
  await page.keyboard.press('6');
  const { id } = mock.fleet.of('metadata')[0];
  await page.getByRole('button', { name: `Kill ${id}` }).click();
  await until('a fault', () => mock.fleet.active.has(id));
}

async function helpAndTheme({ browser, base }) {
  const page = await browser.open(base, '#/map');
  await page.locator('.link-live').waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await browser.axe(page, 'help');
  await browser.shot(page, 'help');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await colour();
  await page.getByRole('button', { name: /Colours/ }).click();
  await until('light', async () => (await colour()) !== dark);
  await page.reload();
  await page.locator('.link-live').waitFor();
  assert.notEqual(await colour(), dark, 'the choice is kept');
}

export const flows = {
  looks: { run: looks, real: true },
  map: { run: map, real: true },
  'map-faults': { run: mapShowsFaults },
  'traces-keyboard': { run: tracesByKeyboard, real: true },
  'trace-attempts': { run: traceShowsAttemptsAndBatches },
  'trace-filters': { run: traceFilters },
  'trace-gone': { run: traceThatIsGone },
  ingestion: { run: ingestion },
  logs: { run: logs },
  'try-it': { run: tryIt, real: true },
  'break-it': { run: breakIt },
  'watch-only': { run: watchOnly, mock: { scenario: 'watch-only' } },
  reconnect: { run: serverGoesAway },
  'help-theme': { run: helpAndTheme, real: true },
};
