// The invented fleet: instances, faults, and the traffic between them.
import { between } from './random.mjs';

const HEALS_MS = 60_000;
const ACTIONS = { instance: ['kill', 'freeze', 'slow', 'fail'], registry: ['cut'], broker: ['stop'], topic: ['burst'] };
const ROUTES = {
  movie: [
    ['GET /v1/movies/{id}', 'http', 0.8],
    ['GET /v1/movies', 'http', 0.15],
    ['GET /v1/top/movies', 'http', 0.05],
  ],
  metadata: [['metadata.v1.MetadataService/BatchGetMetadata', 'grpc', 1]],
  rating: [
    ['rating.v1.RatingService/BatchGetAggregatedRatings', 'grpc', 0.85],
    ['PUT /v1/ratings/{type}/{id}/users/{user}', 'http', 0.15],
  ],
};

export class Fleet {
  constructor(count) {
    const instances = (name, port, number) =>
      Array.from({ length: number }, (_, at) => ({
        id: `${name}-127.0.0.1-${port + at * 100}`,
        address: `127.0.0.1:${port + at * 100}`,
        service: name,
        state: 'ready',
        ejected: false,
      }));
    this.instances = [
      ...instances('metadata', 8081, count),
      ...instances('rating', 8082, count),
      ...instances('movie', 8083, Math.min(1, count)),
    ];
    this.active = new Map();
    this.total = 128_400;
    this.failed = 0;
    this.rate = count ? 62 : 0;
    this.produced = 12;
    this.timeMs = Date.now();
  }

  find(id) {
    return this.instances.find((one) => one.id === id);
  }

  ready(service) {
    return this.instances.find((one) => one.service === service && one.state === 'ready');
  }

  tick(timeMs) {
    this.timeMs = timeMs;
    for (const [target, fault] of this.active) if (fault.healsMs <= timeMs) this.apply(target, 'heal');
    for (const [target, { action, sinceMs }] of this.active) {
      // Callers need a moment until they eject what does not respond.
      const instance = this.find(target);
      if (instance && timeMs - sinceMs > 1500 && action !== 'slow') instance.ejected = true;
    }
    if (!this.instances.length) return;
    this.rate = Math.max(20, this.rate + between(-3, 3) + (62 - this.rate) * 0.1);
    this.produced = this.isUp('broker')
      ? Math.max(2, this.produced + between(-1.5, 1.5) + (12 - this.produced) * 0.1)
      : 0;
    this.total += Math.round(this.rate);
  }

  isUp(target) {
    return !this.active.has(target);
  }

  apply(target, action) {
    const known = this.faults().targets.find((one) => one.id === target);
    if (!known) return { status: 404, error: `there is no target "${target}"` };
    if (action !== 'heal' && !known.actions.includes(action))
      return { status: 400, error: `target "${target}" does not support this action` };
    const instance = this.find(target);
    if (action === 'heal') this.active.delete(target);
    else if (action !== 'burst')
      this.active.set(target, { action, sinceMs: Date.now(), healsMs: Date.now() + HEALS_MS });
    if (instance) {
      instance.state = { kill: 'unreachable', freeze: 'unreachable', fail: 'unready' }[action] ?? 'ready';
      if (action === 'heal') instance.ejected = false;
    }
    return null;
  }

  faults() {
    const target = (id, kind, service) => ({
      id,
      kind,
      ...(service ? { service } : {}),
      actions: ACTIONS[kind],
      ...(this.active.has(id) ? { active: this.active.get(id) } : {}),
    });
    return {
      available: true,
      targets: [
        ...this.instances.map((one) => target(one.id, 'instance', one.service)),
        target('registry', 'registry'),
        target('broker', 'broker'),
        target('topic', 'topic'),
      ],
      load: { running: true, requestsPerSecond: this.rate, sent: this.total, failed: this.failed },
    };
  }

  of(service) {
    return this.instances.filter((one) => one.service === service);
  }

  system() {
    const share = (one) => {
      const peers = this.of(one.service).filter((peer) => peer.state === 'ready' && !peer.ejected);
      if (!peers.includes(one)) return 0;
      return (one.service === 'movie' ? this.rate : this.rate * 0.9) / peers.length;
    };
    const isSlow = (one) => this.active.get(one.id)?.action === 'slow';
    const measured = (one, perSecond, base) =>
      perSecond === 0
        ? { perSecond: 0, errorRatio: null, p50Ms: null, p99Ms: null }
        : {
            perSecond,
            errorRatio: 0,
            p50Ms: base * (isSlow(one) ? 40 : between(0.9, 1.1)),
            p99Ms: base * (isSlow(one) ? 90 : between(4, 6)),
          };
    const base = { movie: 1.4, metadata: 0.5, rating: 0.8 };
    const services = ['metadata', 'rating', 'movie'].map((name) => ({
      name,
      instances: this.of(name).map((one) => ({
        id: one.id,
        address: one.address,
        state: one.state,
        ejected: one.ejected,
        ...measured(one, share(one), base[name]),
        residentBytes: 38e6 + one.id.length * 1e5,
        routes: ROUTES[name].map(([route, protocol, part]) => ({
          route,
          protocol,
          ...measured(one, share(one) * part, base[name]),
        })),
      })),
    }));
    const edges = this.of('movie').flatMap((movie) => [
      { from: 'clients', to: movie.id, ...measured(movie, share(movie), 1.4) },
      ...[...this.of('metadata'), ...this.of('rating')].map((to) => ({
        from: movie.id,
        to: to.id,
        ...measured(to, share(to), base[to.service]),
        ejected: to.ejected,
        ...(to.ejected ? { errorRatio: 1 } : {}),
      })),
    ]);
    const reader = this.of('rating').find((one) => one.state === 'ready');
    if (this.instances.length) edges.push({ from: 'producers', to: 'kafka', perSecond: this.produced });
    if (reader) edges.push({ from: 'kafka', to: reader.id, perSecond: this.produced, lag: this.lag ?? 0 });
    return {
      timeMs: this.timeMs,
      registry: { up: this.isUp('registry'), address: 'http://127.0.0.1:8500' },
      broker: { address: '127.0.0.1:9092', up: this.isUp('broker') },
      responses: { total: this.total, failed: this.failed, perSecond: this.rate },
      services,
      databases: this.instances.length
        ? [
            { service: 'metadata', kind: 'sqlite' },
            { service: 'rating', kind: 'sqlite' },
          ]
        : [],
      edges,
      telemetry: { otlp: '127.0.0.1:4317', spansPerSecond: this.instances.length ? between(30, 44) : 0, dropped: 0 },
    };
  }
}
