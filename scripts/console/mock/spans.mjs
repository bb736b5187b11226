// Traces of the kinds that the services produce: a read with tries and a coalesced batch, a write, an event.
import { between, hex, latency, random } from './random.mjs';

function trace(name, service, startMs, spans, statusCode) {
  const own = spans.filter((span) => !span.linked);
  const end = Math.max(...own.map((span) => span.startMs + span.durationMs));
  return {
    traceId: hex(32),
    service,
    name,
    startMs,
    durationMs: end - startMs,
    services: [...new Set(own.map((span) => span.service))].sort(),
    error: own[0].error,
    ...(statusCode ? { statusCode } : {}),
    spans,
  };
}

const span = (parent, service, instance, name, kind, startMs, durationMs, attributes = {}, more = {}) => ({
  spanId: hex(16),
  ...(parent ? { parentId: parent.spanId } : {}),
  service,
  instance,
  name,
  kind,
  startMs,
  durationMs,
  error: false,
  attributes,
  events: [],
  links: [],
  ...more,
});

const sql = (parent, instance, at, operation, collection, system = 'sqlite') =>
  span(parent, parent.service, instance, `${operation} ${collection}`, 'client', at, latency(0.12), {
    'db.system.name': system,
    'db.operation.name': operation,
    'db.collection.name': collection,
  });

/** A call with its tries: the first of them can fail or be late, and a hedge or a retry follows. */
function call(spans, parent, fleet, service, method, at, batch) {
  const peers = fleet.of(service);
  const bad = peers.find((one) => one.state !== 'ready');
  const good = peers.filter((one) => one.state === 'ready');
  if (!good.length) return at;
  const [first, second] = bad && random() < 0.3 ? [bad, good[0]] : [good[Math.floor(random() * good.length)], good[0]];
  const attempt = (number, reason, instance, start, duration, outcome, error) => {
    const one = span(
      parent,
      parent.service,
      parent.instance,
      method,
      'client',
      start,
      duration,
      {
        'rpc.system': 'grpc',
        'rpc.service': method.split('/')[0],
        'rpc.method': method.split('/')[1],
        'server.address': '127.0.0.1',
        'server.port': Number(instance.address.split(':')[1]),
        'marquee.instance.id': instance.id,
        'marquee.attempt': number,
        'marquee.attempt.reason': reason,
        'marquee.attempt.outcome': outcome,
      },
      error ? { error: true, message: error } : {},
    );
    spans.push(one);
    return one;
  };
  let start = at;
  let number = 1;
  let reason = 'first';
  if (first === bad) {
    attempt(1, 'first', first, at, 0.4, 'unavailable', 'connection refused');
    [start, number, reason] = [at + 0.5, 2, 'retry'];
  } else if (random() < 0.12 && good.length > 1) {
    attempt(1, 'first', first, at, 6.1, 'cancelled');
    [start, number, reason] = [at + 3, 2, 'hedge'];
  }
  const target = number === 1 ? first : second;
  const work = latency(0.7);
  const one = attempt(number, reason, target, start, work + 0.4, 'ok');
  const server = span(one, service, target.id, method, 'server', start + 0.2, work, {
    'rpc.system': 'grpc',
    'rpc.service': method.split('/')[0],
    'rpc.method': method.split('/')[1],
    'rpc.grpc.status_code': 0,
    'marquee.batch.size': batch,
  });
  spans.push(server);
  if (random() < 0.6)
    spans.push(sql(server, target.id, start + 0.25, 'SELECT', service === 'metadata' ? 'metadata' : 'aggregates'));
  return start + work + 0.4;
}

export function read(startMs, fleet, { path = `/v1/movies/${Math.floor(between(1, 9000))}`, status = 200 } = {}) {
  const movie = fleet.of('movie')[0];
  const route = path.startsWith('/v1/movies/') ? 'GET /v1/movies/{id}' : `GET ${path}`;
  const failed = status >= 500 || (random() < 0.004 && status === 200);
  const root = span(
    null,
    'movie',
    movie.id,
    route,
    'server',
    startMs,
    0,
    {
      'http.request.method': 'GET',
      'http.route': route.slice(4),
      'url.path': path,
      'http.response.status_code': failed ? 503 : status,
    },
    failed
      ? {
          error: true,
          message: 'rating and metadata are unavailable',
          events: [
            {
              timeMs: startMs + 0.6,
              name: 'exception',
              attributes: { 'exception.type': 'Unavailable', 'exception.message': 'no instance of metadata' },
            },
          ],
        }
      : {},
  );
  const spans = [root];
  const controller = span(root, 'movie', movie.id, 'get movie', 'internal', startMs + 0.1, 0, {
    'marquee.cache': 'miss',
  });
  spans.push(controller);
  const size = Math.ceil(between(1, 7));
  const ends = ['metadata', 'rating'].map((service) => {
    const waiting = span(controller, 'movie', movie.id, `read ${service}`, 'internal', startMs + 0.15, 0, {});
    const batch = span(
      null,
      'movie',
      movie.id,
      `coalesce ${service}`,
      'internal',
      startMs + 0.3,
      0,
      { 'marquee.batch.size': size },
      { linked: true, traceId: hex(32), links: [{ traceId: '', spanId: waiting.spanId }] },
    );
    waiting.links = [{ traceId: batch.traceId, spanId: batch.spanId }];
    const tries = [];
    const end = call(
      tries,
      batch,
      fleet,
      service,
      service === 'metadata'
        ? 'metadata.v1.MetadataService/BatchGetMetadata'
        : 'rating.v1.RatingService/BatchGetAggregatedRatings',
      startMs + 0.35,
      size,
    );
    batch.durationMs = end - batch.startMs + 0.05;
    waiting.durationMs = batch.startMs + batch.durationMs - waiting.startMs + 0.02;
    spans.push(waiting, batch, ...tries.map((one) => ({ ...one, linked: true, traceId: batch.traceId })));
    return waiting.startMs + waiting.durationMs;
  });
  controller.durationMs = Math.max(...ends) - controller.startMs + 0.03;
  root.durationMs = controller.startMs + controller.durationMs - startMs + 0.12;
  const whole = trace(route, 'movie', startMs, spans, failed ? 503 : status);
  return { ...whole, services: ['metadata', 'movie', 'rating'] };
}

export function write(startMs, fleet, { path = '/v1/ratings/movie/42/users/alice', status = 200 } = {}) {
  const instance = fleet.of('rating')[0].id;
  const name = 'PUT /v1/ratings/{type}/{id}/users/{user}';
  const root = span(null, 'rating', instance, name, 'server', startMs, 4.2, {
    'http.request.method': 'PUT',
    'http.route': name.slice(4),
    'url.path': path,
    'http.response.status_code': status,
  });
  const queue = span(root, 'rating', instance, 'wait in queue', 'internal', startMs + 0.1, 3.9, {});
  const batch = span(
    null,
    'rating',
    instance,
    'write batch',
    'internal',
    startMs + 1.6,
    2.4,
    { 'marquee.batch.size': 14 },
    { linked: true, traceId: hex(32) },
  );
  queue.links = [{ traceId: batch.traceId, spanId: batch.spanId }];
  const linked = (one) => ({ ...one, linked: true, traceId: batch.traceId });
  return trace(
    name,
    'rating',
    startMs,
    [
      root,
      queue,
      batch,
      linked(sql(batch, instance, startMs + 1.7, 'SELECT', 'ratings')),
      linked(sql(batch, instance, startMs + 2.1, 'INSERT', 'ratings')),
      linked(
        span(batch, 'rating', instance, 'COMMIT', 'client', startMs + 2.6, latency(1.1), {
          'db.system.name': 'sqlite',
          'db.operation.name': 'COMMIT',
        }),
      ),
    ],
    status,
  );
}

export function event(startMs, fleet) {
  const instance = fleet.of('rating')[0].id;
  const offset = Math.floor(between(48_000, 52_000));
  const kafka = {
    'messaging.system': 'kafka',
    'messaging.destination.name': 'ratings',
    'messaging.destination.partition.id': '2',
    'messaging.kafka.offset': offset,
  };
  const rejected = random() < 0.05;
  const root = span(null, 'ratingingester', 'ratingingester-127.0.0.1-0', 'send ratings', 'producer', startMs, 1.8, {
    ...kafka,
    'messaging.operation.type': 'send',
  });
  const receive = span(
    root,
    'rating',
    instance,
    'process ratings',
    'consumer',
    startMs + 6.2,
    3.4,
    { ...kafka, 'messaging.operation.type': 'process' },
    rejected ? { error: true, message: 'value: must be 1 to 10' } : {},
  );
  const decode = span(receive, 'rating', instance, 'decode', 'internal', startMs + 6.3, 0.05);
  const end = rejected
    ? span(receive, 'rating', instance, 'send ratings.dlq', 'producer', startMs + 6.5, 2.2, {
        ...kafka,
        'messaging.destination.name': 'ratings.dlq',
      })
    : span(receive, 'rating', instance, 'write batch', 'internal', startMs + 6.5, 2.9, {
        'marquee.batch.size': Math.ceil(between(2, 60)),
      });
  return trace('send ratings', 'ratingingester', startMs, [
    root,
    receive,
    decode,
    end,
    ...(rejected ? [] : [sql(end, instance, startMs + 6.8, 'INSERT', 'ratings')]),
  ]);
}
