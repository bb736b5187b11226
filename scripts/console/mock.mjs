// A console server with an invented fleet, for developing and testing the page. Implements the interface of cmd/console.
//
//     node scripts/console/mock.mjs [--port 8080] [--instances 2] [--scenario lively|empty|watch-only]
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Fleet } from './mock/fleet.mjs';
import { Ingestion } from './mock/ingestion.mjs';
import { Logs, Traces } from './mock/telemetry.mjs';
import { documents, respond } from './mock/services.mjs';

const PAGE = process.env.CONSOLE_PAGE
  ? pathToFileURL(`${process.env.CONSOLE_PAGE}/`)
  : new URL('../../cmd/console/page/', import.meta.url);
const TYPES = { js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
const HEADERS = { 'content-security-policy': "default-src 'self'", 'x-content-type-options': 'nosniff' };

export class Mock {
  constructor({ instances = 2, scenario = 'lively' } = {}) {
    this.token = Math.random().toString(16).slice(2);
    this.scenario = scenario;
    this.fleet = new Fleet(scenario === 'empty' ? 0 : instances);
    this.ingestion = new Ingestion();
    this.traces = new Traces();
    this.logs = new Logs();
    this.pages = new Set();
    this.tries = new Map();
  }

  /** Lets a second pass: changes numbers, and adds traces and log records. */
  tick(timeMs = Date.now()) {
    this.fleet.tick(timeMs);
    this.ingestion.tick(timeMs, this.fleet);
    if (this.scenario === 'empty') return [];
    const added = this.traces.tick(timeMs, this.fleet);
    return this.logs.tick(timeMs, added, this.fleet);
  }

  /** The events of a second, as text. */
  events(logs) {
    const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    const last = logs.slice(-200);
    return (
      event('system', this.fleet.system()) +
      event('traces', this.traces.counts()) +
      event('ingestion', this.ingestion.report(this.fleet)) +
      (logs.length
        ? event('logs', { logs: last, ...(logs.length > last.length ? { skipped: logs.length - last.length } : {}) })
        : '')
    );
  }

  push(text) {
    for (const page of this.pages) page.write(text);
  }

  start(port = 0) {
    for (let second = 60; second > 0; second -= 1) this.tick(Date.now() - second * 1000);
    this.server = createServer((request, response) =>
      this.serve(request, response).catch((error) => this.json(response, 500, { error: error.message })),
    );
    this.timer = setInterval(() => this.push(this.events(this.tick())), 1000);
    return new Promise((resolve) => {
      this.server.listen(port, '127.0.0.1', () => resolve(`http://127.0.0.1:${this.server.address().port}`));
    });
  }

  stop() {
    clearInterval(this.timer);
    for (const page of this.pages) page.destroy();
    this.server.closeAllConnections();
    return new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  json(response, status, body) {
    response.writeHead(status, { ...HEADERS, 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(body));
  }

  asset(response, path) {
    const isPage = path === '/';
    const name = isPage ? 'index.html' : path.slice(1);
    if (!isPage && !/^assets\/(app\.js|app\.css|icon\.svg)$/.test(name))
      return this.json(response, 404, { error: `there is no ${path}` });
    const text = readFileSync(new URL(name, PAGE), 'utf8').replace('{{token}}', this.token);
    response.writeHead(200, {
      ...HEADERS,
      'content-type': isPage ? 'text/html; charset=utf-8' : TYPES[name.split('.').pop()],
      'cache-control': 'no-cache',
    });
    return response.end(text);
  }

  async serve(request, response) {
    const url = new URL(request.url, 'http://mock');
    const parameters = Object.fromEntries(url.searchParams);
    if (request.method === 'POST') {
      let text = '';
      for await (const chunk of request) text += chunk;
      const body = JSON.parse(text || '{}');
      if (request.headers['x-console-token'] !== this.token)
        return this.json(response, 403, { error: 'the token is not that of this start: reload the page' });
      return url.pathname === '/api/try' ? this.tried(response, body) : this.broken(response, body);
    }
    switch (url.pathname) {
      case '/api/events':
        return this.follow(request, response);
      case '/api/system':
        return this.json(response, 200, this.fleet.system());
      case '/api/ingestion':
        return this.json(response, 200, this.ingestion.report(this.fleet));
      case '/api/traces':
        return this.json(response, 200, this.traces.list(parameters));
      case '/api/logs':
        return this.json(response, 200, this.logs.list(parameters));
      case '/api/openapi':
        return this.json(response, 200, { services: this.scenario === 'empty' ? {} : documents });
      case '/api/faults':
        return this.json(response, 200, this.faults());
      default:
    }
    if (!url.pathname.startsWith('/api/traces/')) return this.asset(response, url.pathname);
    const id = url.pathname.slice('/api/traces/'.length);
    const trace = this.traces.detail(id);
    if (!trace)
      return this.json(response, 404, {
        error: 'this trace is not stored (any more)',
        dropped: this.traces.gone.has(id),
      });
    return this.json(response, 200, { ...trace, logs: this.logs.list({ traceId: id, limit: 500 }).logs });
  }

  follow(request, response) {
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: 1000\n\n${this.events([])}`);
    this.pages.add(response);
    request.on('close', () => this.pages.delete(response));
  }

  faults() {
    return this.scenario === 'watch-only'
      ? { available: false, targets: [], load: { running: false, requestsPerSecond: 0, sent: 0, failed: 0 } }
      : this.fleet.faults();
  }

  broken(response, { target, action }) {
    const refused = this.fleet.apply(target, action);
    if (action === 'burst' && !refused) this.ingestion.burst(20_000);
    return refused
      ? this.json(response, refused.status, { error: refused.error })
      : this.json(response, 200, this.faults());
  }

  async tried(response, body) {
    const instance = this.fleet.ready(body.service);
    if (!instance) return this.json(response, 503, { error: `the registry has no instance of ${body.service}` });
    const answer = respond(body);
    const trace = this.traces.add(Date.now(), this.fleet, body, answer.status);
    this.logs.tick(Date.now(), [trace], this.fleet);
    return this.json(response, 200, {
      ...answer,
      durationMs: trace.durationMs + 0.3,
      instance: instance.id,
      traceId: trace.traceId,
    });
  }

  /** Pushes the events of many seconds at once. */
  pass(seconds) {
    for (let second = 0; second < seconds; second += 1) this.push(this.events(this.tick()));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const option = (name, other) => {
    const at = process.argv.indexOf(`--${name}`);
    return at > 0 ? process.argv[at + 1] : other;
  };
  const mock = new Mock({ instances: Number(option('instances', 2)), scenario: option('scenario', 'lively') });
  console.log(await mock.start(Number(option('port', 8080))));
}
