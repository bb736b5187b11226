// What the OpenAPI documents say about routes, and examples derived from their schemas.

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head'];

/** Follows `$ref` within the document. */
export function resolve(document, value) {
  let at = value;
  for (let depth = 0; at?.$ref && depth < 16; depth += 1) {
    const found = at.$ref
      .replace(/^#\//, '')
      .split('/')
      .reduce((inner, part) => inner?.[part.replace(/~1/g, '/').replace(/~0/g, '~')], document);
    const { $ref, ...beside } = at;
    at = { ...found, ...beside };
  }
  return at;
}

/** Returns the routes of a document: those of the service first, then those of operation (health, metrics). */
export function operations(service, document) {
  const all = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const operation = item[method];
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])]
        .map((one) => resolve(document, one))
        .filter((one) => one && ['path', 'query', 'header'].includes(one.in));
      const body = resolve(document, operation.requestBody)?.content?.['application/json'];
      return {
        id: `${service} ${method} ${path}`,
        service,
        method: method.toUpperCase(),
        path,
        summary: operation.summary,
        parameters,
        body,
        isOperation: (operation.tags ?? []).includes('operation'),
      };
    }),
  );
  return all.sort((a, b) => a.isOperation - b.isOperation || b.path.startsWith('/v1') - a.path.startsWith('/v1'));
}

const TEXTS = {
  'date-time': () => new Date().toISOString(),
  date: () => new Date().toISOString().slice(0, 10),
  uuid: () => '00000000-0000-4000-8000-000000000001',
};

/** Returns a value that the schema allows, as far as that can be read from it. Patterns are not solved. */
export function example(document, schema, name = '', depth = 0) {
  const is = resolve(document, schema) ?? {};
  if (is.example !== undefined) return is.example;
  if (is.examples?.length) return is.examples[0];
  if (is.const !== undefined) return is.const;
  if (is.default !== undefined && is.default !== null) return is.default;
  if (is.enum?.length) return is.enum[0];
  const choice = is.oneOf ?? is.anyOf;
  if (choice) return example(document, choice.find((one) => one.type !== 'null') ?? choice[0], name, depth);
  if (is.allOf)
    return Object.assign(
      {},
      ...is.allOf.map((one) => example(document, one, name, depth)).filter((one) => typeof one === 'object'),
    );
  const type = Array.isArray(is.type)
    ? is.type.find((one) => one !== 'null')
    : (is.type ?? (is.properties ? 'object' : 'string'));
  if (type === 'object') {
    if (depth > 5) return {};
    const required = new Set(is.required ?? []);
    const entries = Object.entries(is.properties ?? {}).filter(
      ([key, value]) => depth < 2 || required.has(key) || !resolve(document, value)?.properties,
    );
    return Object.fromEntries(
      entries
        .filter(([, value]) => !resolve(document, value)?.readOnly)
        .map(([key, value]) => [key, example(document, value, key, depth + 1)]),
    );
  }
  if (type === 'array') return depth > 5 ? [] : [example(document, is.items ?? {}, name.replace(/s$/, ''), depth + 1)];
  if (type === 'integer' || type === 'number') {
    const [low, high] = [is.minimum ?? is.exclusiveMinimum ?? 0, is.maximum ?? is.exclusiveMaximum];
    return high === undefined ? Math.max(low, 1) : Math.round(low + (Math.min(high, low + 1000) - low) * 0.8);
  }
  if (type === 'boolean') return true;
  const named = /such as `([^`]+)`/.exec(is.description ?? '')?.[1];
  const text =
    named ?? TEXTS[is.format]?.() ?? (name ? `example ${name.replace(/([A-Z])/g, ' $1').toLowerCase()}` : 'example');
  const fitting = is.pattern && !matches(is.pattern, text) ? 'example' : text;
  return is.maxLength ? fitting.slice(0, is.maxLength) : fitting;
}

function matches(pattern, text) {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return true;
  }
}

/**
 * Returns an example of the operation's body. Fields that repeat a parameter of the path are left out if they may be: they
 * would have to have its value.
 */
export function exampleBody(document, operation) {
  const { schema, example: given } = operation.body;
  const value = given ?? example(document, schema);
  const required = new Set(resolve(document, schema)?.required ?? []);
  const repeated = (name) =>
    !required.has(name) && operation.parameters.some((one) => one.in === 'path' && one.name === name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !repeated(name)));
}

/** Returns the placeholder of a parameter's field: its range, or what it is. */
export function hint(document, parameter) {
  const schema = resolve(document, parameter.schema) ?? {};
  const { minimum, maximum } = schema;
  if (schema.enum) return schema.enum.join(', ');
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `from ${minimum}`;
  return schema.type === 'array' ? 'separated by commas' : '';
}

/** Returns the first value of a field that lets the request succeed: an example, or a value of a required parameter. */
export function initial(document, parameter, known) {
  const schema = resolve(document, parameter.schema) ?? {};
  const given =
    parameter.example ??
    Object.values(parameter.examples ?? {})[0]?.value ??
    schema.example ??
    schema.examples?.[0] ??
    schema.default;
  if (given !== undefined && given !== null) return String(given);
  if (!parameter.required) return '';
  if (/^(id|ids|recordId|movieId)$/.test(parameter.name)) return known[0] ?? '';
  if (/user/i.test(parameter.name)) return 'me';
  return String(example(document, parameter.schema, parameter.name));
}

/** Returns the path with its parameters, the query, and the names of required parameters that have no value. */
export function request(operation, values) {
  const missing = operation.parameters.filter((one) => one.required && !values[one.name]).map((one) => one.name);
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name) => encodeURIComponent(values[name] ?? ''));
  const given = operation.parameters.filter((one) => one.in === 'query' && values[one.name]);
  const query = given
    .map((one) => `${encodeURIComponent(one.name)}=${encodeURIComponent(values[one.name]).replace(/%2C/g, ',')}`)
    .join('&');
  const headers = Object.fromEntries(
    operation.parameters
      .filter((one) => one.in === 'header' && values[one.name])
      .map((one) => [one.name, values[one.name]]),
  );
  return { path, query, headers, missing };
}

/** Returns the ids in a response: values of fields named `id`, at most `limit`. */
export function idsIn(body, limit) {
  const ids = new Set();
  const visit = (value, depth) => {
    if (depth > 6 || ids.size >= limit || typeof value !== 'object' || value === null) return;
    if (typeof value.id === 'string') ids.add(value.id);
    Object.values(value).forEach((inner) => visit(inner, depth + 1));
  };
  try {
    visit(JSON.parse(body), 0);
  } catch {
    return [];
  }
  return [...ids].slice(0, limit);
}
