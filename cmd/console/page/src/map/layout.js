// Where the parts of the map are: a pure function of the system and the width, so that nothing moves unless the fleet
// changes. Wide: columns clients → edge service → other services → databases, with Kafka below. Narrow: one below another.
import { edgeKey } from '../live.js';

const CARD = 58;
const HEAD = 36;
const PAD = 8;
const GAP = 24;
/** Wide maps are drawn with more air. */
const WIDE = 1250;
const LOWEST = 320;
/** Below this width there is no room for labels between columns. */
const COLUMNS = 1000;

/** The rows of a service with many instances are lower, so that twenty fit on a screen. */
const rowHeight = (instances) => (instances <= 4 ? 62 : instances <= 8 ? 44 : 30);

const byId = (a, b) => a.id.localeCompare(b.id, 'en', { numeric: true });

/** The service whose callers are the clients: that with their arrows, otherwise movie. */
export function edgeService(system) {
  const called = new Set(system.edges.filter((edge) => edge.from === 'clients').map((edge) => edge.to));
  const found = system.services.find((service) => service.instances.some((one) => called.has(one.id)));
  return (found ?? system.services.find((service) => service.name === 'movie') ?? system.services[0])?.name;
}

/** Returns the service that reads from Kafka: that with its arrows, otherwise rating. */
function readingService(system) {
  const reading = new Set(system.edges.filter((edge) => edge.from === 'kafka').map((edge) => edge.to));
  return system.services.find((service) => service.instances.some((one) => reading.has(one.id)))?.name ?? 'rating';
}

const groupHeight = (service) =>
  HEAD + Math.max(1, service.instances.length) * rowHeight(service.instances.length) + PAD;

function group(service, x, y, width, gutter) {
  const height = rowHeight(service.instances.length);
  const rows = [...service.instances].sort(byId).map((instance, at) => ({
    id: instance.id,
    kind: 'instance',
    service: service.name,
    instance,
    x: x + PAD,
    y: y + HEAD + at * height,
    width: width - 2 * PAD,
    height: height - (height < 44 ? 4 : 6),
    look: height === 62 ? 'tall' : height === 44 ? 'medium' : 'low',
  }));
  return { name: service.name, x, y, width, height: groupHeight(service), rows, gutter };
}

function columns(system, width) {
  const edge = edgeService(system);
  const reads = readingService(system);
  const own = system.services.filter((service) => service.name === edge);
  const others = system.services
    .filter((service) => service.name !== edge)
    .sort((a, b) => (a.name === reads) - (b.name === reads));
  const [clients, store] = [116, 128];
  const card = Math.round(Math.max(186, Math.min(248, width * 0.19)));
  const free = width - clients - store - 2 * card;
  const [first, last] = [Math.max(154, free * 0.3), Math.max(56, free * 0.22)];
  const x = [0, clients + first, width - store - last - card, width - store].map(Math.round);

  const gap = width > WIDE ? 2 * GAP : GAP;
  let y = 0;
  const groups = others.map((service) => {
    const placed = group(service, x[2], y, card, 0);
    y += placed.height + gap;
    return placed;
  });
  const ownHeight = own.reduce((sum, service) => sum + groupHeight(service), 0);
  const top = CARD + 2 * gap;
  const height = Math.max(y - gap, top + ownHeight);
  // In the middle of the others, but on the first screen.
  const ownY = Math.max(top, Math.min(LOWEST, Math.round((height - ownHeight) / 2)));
  for (const service of own) groups.unshift(group(service, x[1], ownY, card, 0));
  const middle = ownY + ownHeight / 2 - CARD / 2;
  const below = height + 2 * gap;
  const nodes = [
    { id: 'clients', kind: 'clients', x: x[0], y: middle, width: clients, height: CARD },
    { id: 'registry', kind: 'registry', x: x[1], y: 0, width: card, height: CARD },
    { id: 'producers', kind: 'producers', x: x[0], y: below, width: clients, height: CARD },
    { id: 'kafka', kind: 'broker', x: x[1], y: below, width: card, height: CARD },
    ...system.databases.flatMap((database) => {
      const of = groups.find((one) => one.name === database.service);
      return of
        ? [
            {
              id: `database/${database.service}`,
              kind: 'database',
              database,
              x: x[3],
              y: of.y + of.height / 2 - CARD / 2,
              width: store,
              height: CARD,
            },
          ]
        : [];
    }),
  ];
  return { groups, nodes, height: below + CARD, narrow: false };
}

function stacked(system, width) {
  const gutter = 34;
  const half = (width - GAP) / 2;
  const nodes = [
    { id: 'clients', kind: 'clients', x: 0, y: 0, width: half, height: CARD },
    { id: 'registry', kind: 'registry', x: half + GAP, y: 0, width: half, height: CARD },
  ];
  const edge = edgeService(system);
  const reads = readingService(system);
  const rank = (service) => (service.name === edge ? 0 : service.name === reads ? 2 : 1);
  let y = CARD + GAP;
  const groups = [...system.services]
    .sort((a, b) => rank(a) - rank(b))
    .map((service) => {
      const placed = group(service, gutter, y, width - gutter, gutter);
      y += placed.height + GAP;
      return placed;
    });
  nodes.push(
    { id: 'producers', kind: 'producers', x: 0, y, width: half, height: CARD },
    { id: 'kafka', kind: 'broker', x: half + GAP, y, width: half, height: CARD },
  );
  y += CARD + GAP;
  system.databases.forEach((database, at) =>
    nodes.push({
      id: `database/${database.service}`,
      kind: 'database',
      database,
      x: at % 2 ? half + GAP : 0,
      y: y + Math.floor(at / 2) * (CARD + GAP),
      width: half,
      height: CARD,
    }),
  );
  return { groups, nodes, height: y + Math.ceil(system.databases.length / 2) * (CARD + GAP), narrow: true };
}

const right = (box) => [box.x + box.width, box.y + box.height / 2];
const left = (box) => [box.x, box.y + box.height / 2];

/** A horizontal S from one side to another: the four points of a cubic Bézier curve. */
function curve([ax, ay], [bx, by]) {
  const bend = Math.max(24, Math.abs(bx - ax) * 0.5);
  return [ax, ay, ax + bend, ay, bx - bend, by, bx, by];
}

/** In the narrow map arrows leave and arrive on the left, through the gutter. */
function hook(from, to, lane) {
  const [ax, ay] = left(from);
  const [bx, by] = left(to);
  const out = Math.min(ax, bx) - 2 - lane;
  return [ax, ay, out, ay, out, by, bx, by];
}

/** Returns the point of a curve at `t` from 0 to 1. */
export function pointAt([ax, ay, bx, by, cx, cy, dx, dy], t) {
  const s = 1 - t;
  const weights = [s * s * s, 3 * s * s * t, 3 * s * t * t, t * t * t];
  return [
    weights[0] * ax + weights[1] * bx + weights[2] * cx + weights[3] * dx,
    weights[0] * ay + weights[1] * by + weights[2] * cy + weights[3] * dy,
  ];
}

export const pathOf = ([ax, ay, ...rest]) => `M${ax} ${ay}C${rest.join(' ')}`;

const LABEL = { width: 128, height: 36 };

/** Returns the `t` at which a curve that goes from left to right reaches `x`. */
function reach(points, x) {
  let [low, high] = [0, 1];
  for (let step = 0; step < 20; step += 1) {
    const t = (low + high) / 2;
    if (pointAt(points, t)[0] < x) low = t;
    else high = t;
  }
  return low;
}

/**
 * Places the arrows. Each has a label beside its target. When up to two sources call the same target, each arrow has its
 * own; when there are more, one label has their sum, and the panel lists them.
 */
function arrows(system, placed) {
  const boxes = new Map([...placed.nodes, ...placed.groups.flatMap((one) => one.rows)].map((box) => [box.id, box]));
  const edges = system.edges
    .filter((edge) => boxes.has(edge.from) && boxes.has(edge.to))
    .map((edge) => ({ edge, key: edgeKey(edge), from: boxes.get(edge.from), to: boxes.get(edge.to) }));
  const into = Map.groupBy ? Map.groupBy(edges, (one) => one.edge.to) : groupBy(edges, (one) => one.edge.to);
  for (const one of edges) {
    const { from, to, edge } = one;
    const isEvent = edge.from === 'kafka' || edge.from === 'producers';
    one.kind = isEvent ? 'events' : 'calls';
    if (!placed.narrow) one.points = curve(right(from), left(to));
    else if (edge.from === 'producers') one.points = curve(right(from), left(to));
    else if (edge.from === 'clients')
      one.points = [
        from.x + 20,
        from.y + from.height,
        from.x + 20,
        to.y + to.height / 2,
        to.x - 20,
        to.y + to.height / 2,
        to.x,
        to.y + to.height / 2,
      ];
    else if (isEvent)
      one.points = [
        from.x + from.width - 18,
        from.y,
        from.x + from.width - 18,
        to.y + to.height / 2,
        to.x + to.width + 30,
        to.y + to.height / 2,
        to.x + to.width,
        to.y + to.height / 2,
      ];
    else one.points = hook(from, to, 14);
  }
  const labels = [];
  for (const [to, incoming] of into) {
    for (const kind of ['calls', 'events']) {
      const own = incoming.filter((one) => one.kind === kind);
      if (!own.length) continue;
      const target = boxes.get(to);
      const tall = target.look === undefined || target.look === 'tall';
      const separate = own.length <= 2 && tall && !placed.narrow;
      const height = tall && kind === 'calls' ? LABEL.height : 20;
      for (const [at, one] of (separate ? own : own.slice(0, 1)).entries()) {
        let [x, y] = [0, 0];
        const width = kind === 'calls' ? LABEL.width : placed.narrow ? 58 : 74;
        if (placed.narrow) {
          if (kind === 'events' && to !== 'kafka')
            [x, y] = [target.x + target.width - LABEL.width - 20 - width / 2, target.y + target.height - 15];
          else if (to === 'kafka') continue;
          else [x, y] = [target.x + target.width - width / 2 - 6, target.y + target.height / 2];
        } else {
          x = target.x - 14 - width / 2 - at * (width + 10);
          // Calls arrive at the same place as events, whose labels are therefore at the beginning of the arrow.
          if (kind === 'events')
            x =
              to === 'kafka'
                ? (one.from.x + one.from.width + target.x) / 2
                : one.from.x + one.from.width + 24 + width / 2;
          // Beside low rows labels are as close to each other as the rows.
          y = kind === 'calls' && !tall ? target.y + target.height / 2 : pointAt(one.points, reach(one.points, x))[1];
        }
        labels.push({
          key: separate ? one.key : `→${to}/${kind}`,
          arrows: separate ? [one] : own,
          kind,
          x,
          y,
          width,
          height,
        });
      }
    }
  }
  return { edges, labels };
}

function groupBy(list, keyOf) {
  const groups = new Map();
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}

/** Faint lines that carry no figures: registration and storage. */
function wires(placed) {
  const of = (id) => placed.nodes.find((node) => node.id === id);
  const lines = [];
  const registry = of('registry');
  for (const one of placed.groups) {
    const database = of(`database/${one.name}`);
    if (placed.narrow) continue;
    if (one.x === registry.x)
      lines.push({
        key: `registry/${one.name}`,
        kind: 'registry',
        points: [
          registry.x + 28,
          registry.y + CARD,
          registry.x + 28,
          registry.y + CARD + 10,
          one.x + 28,
          one.y - 10,
          one.x + 28,
          one.y,
        ],
      });
    else
      lines.push({
        key: `registry/${one.name}`,
        kind: 'registry',
        points: curve(right(registry), [one.x, one.y + HEAD / 2]),
      });
    if (database)
      lines.push({
        key: `database/${one.name}`,
        kind: 'database',
        points: curve([one.x + one.width, one.y + one.height / 2], left(database)),
      });
  }
  return lines;
}

/** Returns groups, nodes, arrows with their labels, wires, and the size of the map. */
export function layout(system, width) {
  const complete = { ...system, databases: system.databases ?? [], edges: system.edges ?? [] };
  const placed = width >= COLUMNS ? columns(complete, width) : stacked(complete, width);
  return { ...placed, ...arrows(complete, placed), wires: wires(placed), width };
}
