// Opens every view of the console in Chromium, as flows of a reader. Run by scripts/console-page test [URL].
//
// Without URL each flow has a mock server of its own. With the URL of a running console, the flows that depend on an
// invented state are left out and named.
import { Browser } from './test/browser.mjs';
import { flows } from './test/flows.mjs';
import { extremes } from './test/extremes.mjs';
import { Mock } from './mock.mjs';

const url = process.argv[2]?.replace(/\/$/, '');
const only = process.env.ONLY;
const shots = process.env.SCREENSHOTS ?? 'target/console-page';

const browser = await Browser.start(shots);
let failed = 0;
const skipped = [];
for (const [name, { run, mock: options = {}, real = false }] of Object.entries({ ...flows, ...extremes })) {
  if (only && !name.includes(only)) continue;
  if (url && !real) {
    skipped.push(name);
    continue;
  }
  const mock = url ? null : new Mock(options);
  const base = url ?? (await mock.start());
  const started = Date.now();
  try {
    await run({ browser, base, mock });
    browser.complain();
    console.log(`ok      ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.error(`FAILED  ${name}\n${error.stack}`);
    await browser.failed(name);
  }
  await browser.closePages();
  await mock?.stop();
}
await browser.end();
if (skipped.length) console.log(`not run against ${url}, because they need an invented state: ${skipped.join(', ')}`);
console.log(`console's page: ${failed} failed; screenshots in ${shots}`);
process.exit(failed ? 1 : 0);
