// The rows of a waterfall: spans below their parents, batches below the spans that are linked with them.

const byStart = (a, b) => a.startMs - b.startMs;

/** The span's key; ids are unique within a trace only. */
export const keyOf = (span) => `${span.linked ? (span.traceId ?? 'linked') : ''}/${span.spanId}`;

/** Returns the span of the trace itself that shares a link with a span of another trace. */
function anchorOf(linked, own) {
  const forth = own.find((span) =>
    span.links?.some((link) => link.spanId === linked.spanId && (!linked.traceId || link.traceId === linked.traceId)),
  );
  return forth ?? own.find((span) => linked.links?.some((link) => link.spanId === span.spanId));
}

/** Returns `{roots, size}` with nodes `{key, span, level, via, children}`. A span in a circle of parents becomes a root. */
export function build(spans) {
  const nodes = new Map(
    spans.map((span) => [keyOf(span), { key: keyOf(span), span, children: [], level: 1, via: 'parent' }]),
  );
  const own = spans.filter((span) => !span.linked);
  const parents = new Map();
  for (const node of nodes.values()) {
    const { span } = node;
    const sibling = span.parentId && nodes.get(keyOf({ ...span, spanId: span.parentId }));
    if (sibling && sibling !== node) parents.set(node, sibling);
    else if (span.linked) {
      const anchor = anchorOf(span, own);
      node.via = 'link';
      if (anchor) parents.set(node, nodes.get(keyOf(anchor)));
    }
  }
  const endsAtRoot = (node) => {
    const seen = new Set();
    for (let at = node; at; at = parents.get(at)) {
      if (seen.has(at)) return false;
      seen.add(at);
    }
    return true;
  };
  const roots = [];
  for (const node of nodes.values()) {
    const parent = parents.get(node);
    if (parent && endsAtRoot(node)) parent.children.push(node);
    else {
      parents.delete(node);
      roots.push(node);
    }
  }
  const sort = (list) =>
    list.sort((a, b) => (a.span.linked === true) - (b.span.linked === true) || byStart(a.span, b.span));
  const pending = sort(roots).map((node) => [node, 1]);
  while (pending.length) {
    const [node, level] = pending.pop();
    node.level = level;
    sort(node.children).forEach((child) => pending.push([child, level + 1]));
  }
  return roots;
}

/** Returns the nodes that are visible, in the order in which they are drawn. */
export function flatten(roots, folded) {
  const rows = [];
  const pending = [...roots].reverse();
  while (pending.length) {
    const node = pending.pop();
    rows.push(node);
    if (!folded.has(node.key))
      for (let at = node.children.length - 1; at >= 0; at -= 1) pending.push(node.children[at]);
  }
  return rows;
}

/** Returns the time that the waterfall spans: that of the trace, and of linked spans up to the trace's own duration more. */
export function bounds(trace) {
  const own = trace.spans.filter((span) => !span.linked);
  const ends = (spans) =>
    spans.reduce(
      ([from, to], span) => [Math.min(from, span.startMs), Math.max(to, span.startMs + span.durationMs)],
      [Infinity, -Infinity],
    );
  let [from, to] = own.length ? ends(own) : ends(trace.spans);
  if (!Number.isFinite(from)) return { from: trace.startMs, length: 1 };
  const length = Math.max(0.001, to - from);
  const [first, last] = ends(trace.spans);
  [from, to] = [Math.max(first, from - length), Math.min(last, to + length)];
  return { from, length: Math.max(0.001, to - from) };
}

/** Returns a span's name without the package of a gRPC service: `MovieService/GetMovieDetails`. */
export const titleOf = (span) => span.name.replace(/^(?:[a-z][\w]*\.)+(?=[A-Z]\w*\/)/, '');

/** Returns what a row says beside the name: the facts that matter for its kind of span. */
export function notes(span) {
  const { attributes: all = {} } = span;
  const list = [];
  const attempt = all['marquee.attempt'];
  if (attempt !== undefined) {
    const outcome = all['marquee.attempt.outcome'];
    list.push({
      text: `try ${attempt}${all['marquee.attempt.reason'] && all['marquee.attempt.reason'] !== 'first' ? ` · ${all['marquee.attempt.reason']}` : ''}`,
      kind: all['marquee.attempt.reason'] === 'first' || !all['marquee.attempt.reason'] ? 'plain' : 'warn',
    });
    if (outcome)
      list.push({ text: outcome, kind: outcome === 'ok' ? 'good' : outcome === 'cancelled' ? 'plain' : 'bad' });
    if (all['marquee.instance.id']) list.push({ text: `→ ${all['marquee.instance.id']}`, kind: 'text' });
  }
  if (all['marquee.batch.size'] !== undefined)
    list.push({ text: `batch of ${all['marquee.batch.size']}`, kind: 'plain' });
  if (all['db.system.name'])
    list.push({
      text: [all['db.system.name'], all['db.operation.name'], all['db.collection.name']]
        .filter((part) => part && !span.name.includes(part))
        .join(' '),
      kind: 'plain',
    });
  if (all['messaging.kafka.offset'] !== undefined)
    list.push({
      text: `partition ${all['messaging.destination.partition.id'] ?? '?'} · offset ${all['messaging.kafka.offset']}`,
      kind: 'plain',
    });
  const cache = all['marquee.cache'] ?? all['cache.hit'];
  if (cache !== undefined)
    list.push({
      text:
        cache === true || cache === 'true'
          ? 'cache hit'
          : cache === false || cache === 'false'
            ? 'cache miss'
            : `cache ${cache}`,
      kind: 'plain',
    });
  const status =
    all['http.response.status_code'] ??
    (Number(all['rpc.grpc.status_code']) > 0 ? `gRPC ${all['rpc.grpc.status_code']}` : undefined);
  if (span.kind === 'server' && status !== undefined)
    list.push({ text: String(status), kind: span.error ? 'bad' : 'plain' });
  return list;
}
