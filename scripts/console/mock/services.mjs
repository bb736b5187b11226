// The services' routes as OpenAPI documents, and invented responses.
const id = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The movie’s id.',
  schema: { $ref: '#/components/schemas/RecordId' },
};
const ok = { 200: { description: 'OK' } };
const RecordId = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: '^(?!\\.{1,2}$)[^\\u0000-\\u001f\\u007f-\\u009f]+$',
};
const paging = [
  {
    name: 'pageSize',
    in: 'query',
    description: 'The maximum number of rows of a page.',
    schema: { type: 'integer', minimum: 1, maximum: 500 },
  },
  {
    name: 'pageToken',
    in: 'query',
    description: 'The nextPageToken of a list’s previous page.',
    schema: { type: 'string' },
  },
];
const operation = (summary, parameters = [], more = {}) => ({
  tags: ['service'],
  summary,
  parameters,
  responses: ok,
  ...more,
});
const health = {
  '/healthz': { get: { tags: ['operation'], summary: 'Returns `ok` while the process serves.', responses: ok } },
};
const document = (title, paths, schemas = {}) => ({
  openapi: '3.1.0',
  info: { title, version: '0.1.0' },
  paths: { ...paths, ...health },
  components: { schemas: { RecordId, ...schemas } },
});
const place = [
  {
    name: 'type',
    in: 'path',
    required: true,
    description: 'The record’s type.',
    schema: { type: 'string', description: 'The type of a record, such as `movie`.' },
  },
  id,
];

export const documents = {
  movie: document('Marquee movie', {
    '/v1/movies': {
      get: operation('Lists movies: by ids, by a query, or all of them.', [
        {
          name: 'ids',
          in: 'query',
          description: 'Up to 500 ids, separated by commas.',
          schema: { type: 'array', items: RecordId },
        },
        {
          name: 'query',
          in: 'query',
          description: 'What is searched for.',
          schema: { type: 'string', maxLength: 512 },
        },
        ...paging,
      ]),
    },
    '/v1/movies/{id}': { get: operation('Returns a movie with its aggregated ratings.', [id]) },
    '/v1/top/movies': { get: operation('Lists the best rated movies, by weighted mean.', paging) },
  }),
  metadata: document(
    'Marquee metadata',
    {
      '/v1/metadata/{id}': {
        get: operation('Returns a movie’s metadata.', [id]),
        put: operation('Creates or replaces a movie’s metadata.', [id], {
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/PutMetadata' } } } },
        }),
        delete: operation('Deletes a movie’s metadata.', [id]),
      },
    },
    {
      PutMetadata: {
        type: 'object',
        required: ['title'],
        properties: {
          id: { oneOf: [{ $ref: '#/components/schemas/RecordId' }, { type: 'null' }] },
          title: { type: 'string', minLength: 1 },
          description: { type: 'string' },
          director: { type: 'string' },
          genres: { type: 'array', items: { type: 'string' } },
          releaseYear: { type: 'integer', minimum: 1800, maximum: 3000 },
        },
      },
    },
  ),
  rating: document('Marquee rating', {
    '/v1/ratings/{type}/{id}': { get: operation('Returns the aggregate of a record’s ratings.', place) },
    '/v1/ratings/{type}/{id}/users/{user}': {
      put: operation(
        'Stores a user’s rating of a record.',
        [...place, { name: 'user', in: 'path', required: true, description: 'Who rates.', schema: RecordId }],
        {
          requestBody: {
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: ['value'],
                  properties: { value: { type: 'integer', minimum: 1, maximum: 10 } },
                },
              },
            },
          },
        },
      ),
    },
  }),
};

const movie = (number) => ({
  metadata: {
    id: String(number),
    title: `Night Train ${number}`,
    description: 'A conductor finds a reel of film under a seat.',
    director: 'M. Okafor',
    genres: ['Drama', 'Mystery'],
    releaseYear: 1990 + (number % 30),
    revision: 12 + number,
  },
  rating: { count: 312, mean: 7.9, weightedMean: 7.84 },
});

export function respond({ method, path }) {
  const headers = { 'content-type': 'application/json', 'x-request-id': '5f0c2a1e' };
  const found = /^\/v1\/movies\/(\d+)$/.exec(path);
  if (found) return { status: 200, headers, body: JSON.stringify(movie(Number(found[1]))) };
  if (path === '/v1/movies' || path === '/v1/top/movies')
    return { status: 200, headers, body: JSON.stringify({ movies: [1, 2, 3].map(movie), nextPageToken: 'AAAD' }) };
  if (method !== 'GET') return { status: 200, headers, body: JSON.stringify({ revision: 13 }) };
  return {
    status: 404,
    headers: { ...headers, 'content-type': 'application/problem+json' },
    body: JSON.stringify({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: `no movie with id ${path.split('/').pop()}`,
      instance: path,
      code: 'NotFound',
    }),
  };
}
