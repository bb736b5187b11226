// Nothing at all, a great deal, long names, and a page that is left open.
import { strict as assert } from 'node:assert';

const HOURS = 6;

async function empty({ browser, base }) {
  for (const [view, text] of Object.entries({
    map: 'No instance is registered',
    traces: 'No traces yet',
    ingestion: 'Nothing is ingesting',
    logs: 'No log records yet',
    try: 'No service responds',
  })) {
    for (const width of [390, 1280]) {
      const page = await browser.open(base, `#/${view}`, { width });
      await page.getByText(text).waitFor();
      assert.ok((await page.locator('pre', { hasText: 'cargo run' }).count()) > 0, `${view} says what to run`);
      await browser.fits(page, `empty ${view}`);
      await browser.axe(page, `empty ${view}`);
      await browser.shot(page, `empty-${view}-${width}`);
      await browser.closePages();
    }
  }
}

async function manyAndLong({ browser, base, mock }) {
  const long = 'rating-an-extraordinarily-long-host-name.eu-central-1.compute.internal.example-49152';
  mock.fleet.instances.push({
    id: long,
    address: 'an-extraordinarily-long-host-name.eu-central-1.compute.internal.example:49152',
    service: 'rating',
    state: 'draining',
    ejected: false,
  });
  for (const width of [390, 768, 1280, 1920]) {
    const page = await browser.open(base, '#/map', { width });
    await page.locator('.instance').nth(40).waitFor();
    await browser.fits(page, `map of 42 instances at ${width}`);
    await browser.shot(page, `many-map-${width}`);
    if (width === 1280) await browser.axe(page, 'map of 42 instances');
    await browser.closePages();
  }
  const page = await browser.open(base, '#/break', { width: 390 });
  await page.locator('.target').nth(40).waitFor();
  await browser.fits(page, 'targets');
  const routes = Array.from({ length: 200 }, (_, at) => `GET /v1/${'a-long-segment/'.repeat(8)}${at}`);
  mock.traces.all
    .slice(-200)
    .forEach((trace, at) => Object.assign(trace, { name: routes[at], durationMs: 10 ** (at % 7) }));
  await page.goto(`${base}/#/traces`);
  await page.locator('.grid-traces [role="row"][tabindex]').first().waitFor();
  await browser.fits(page, 'traces with long names');
  await browser.shot(page, 'many-traces-390');
}

async function fullStore({ browser, base, mock }) {
  for (let second = 2000; second > 0; second -= 1) mock.traces.tick(Date.now() - second * 1000, mock.fleet);
  const page = await browser.open(base, '#/traces');
  await page.locator('.grid-traces [role="row"][tabindex]').first().waitFor();
  assert.match(
    await page.locator('.tally').first().textContent(),
    /The first 500\s+of 5,000 traces kept, at most 5,000\.\s+[\d,]+ older ones were dropped/,
  );
  const rows = () => page.locator('.grid-traces [role="row"][tabindex]').count();
  assert.ok((await rows()) < 60, 'only visible rows are in the document');
  await page.locator('.grid-traces .grid-body').evaluate((body) => {
    body.scrollTop = body.scrollHeight;
  });
  await page.locator('[aria-rowindex="501"]').waitFor();
  assert.ok((await rows()) < 60);
  // A trace with thousands of spans.
  const big = mock.traces.all.at(-1);
  const [root] = big.spans;
  big.spans = [
    root,
    ...Array.from({ length: 5000 }, (_, at) => ({
      ...root,
      spanId: at.toString(16).padStart(16, '0'),
      parentId: at % 50 ? (at - 1).toString(16).padStart(16, '0') : root.spanId,
      startMs: root.startMs + (at % 97) / 10,
      durationMs: 0.2,
    })),
  ];
  await page.goto(`${base}/#/traces/${big.traceId}`);
  await page.locator('.grid-waterfall[aria-rowcount="5002"]').waitFor();
  assert.ok((await page.locator('.grid-waterfall [aria-level]').count()) < 60);
  await browser.fits(page, 'a trace of 5,001 spans');
}

/** The memory in use after a collection of garbage. */
async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const { nodes } = await session.send('Memory.getDOMCounters');
  await session.detach();
  return { mib: usedSize / 2 ** 20, nodes };
}

/** Hours of events, pushed as fast as the page reads them, at each of the views that grow. */
async function leftOpen({ browser, base, mock }) {
  for (const view of ['map', 'logs', 'traces', 'ingestion']) {
    const page = await browser.open(base, `#/${view}`);
    await page.locator('.link-live').waitFor();
    const push = async (seconds) => {
      for (let pushed = 0; pushed < seconds; pushed += 200) {
        // The page shows this number when it has read all events before it.
        mock.fleet.failed += 1;
        mock.pass(200);
        await page.waitForFunction(
          (number) => document.querySelector('.failed .figure-value').textContent === number,
          String(mock.fleet.failed),
        );
      }
    };
    mock.fleet.failed = 0;
    await push(1200);
    const before = await heap(page);
    await push((HOURS * 3600) / 4);
    const after = await heap(page);
    console.log(
      `        ${view}: ${before.mib.toFixed(1)} MiB, ${before.nodes} nodes; ${(HOURS / 4).toFixed(1)} h later ${after.mib.toFixed(1)} MiB, ${after.nodes} nodes`,
    );
    assert.ok(after.mib < before.mib * 1.3 + 2, `${view} grew from ${before.mib} to ${after.mib} MiB`);
    assert.ok(after.nodes < before.nodes * 1.5 + 500, `${view} grew from ${before.nodes} to ${after.nodes} nodes`);
    await browser.closePages();
  }
}

export const extremes = {
  empty: { run: empty, mock: { scenario: 'empty' } },
  many: { run: manyAndLong, mock: { instances: 20 } },
  'full-store': { run: fullStore },
  'left-open': { run: leftOpen },
};
