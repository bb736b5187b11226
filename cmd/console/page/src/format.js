// How numbers, times and texts are written, in one place. An unknown number is a dash, never 0.

export const UNKNOWN = '–';

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const known = (number) => typeof number === 'number' && Number.isFinite(number);

export function count(number) {
  return known(number) ? grouped.format(number) : UNKNOWN;
}

/** A number of up to three or four significant digits: 0.42, 5.1, 62.3, 340, 1.2 k, 3.4 M. */
export function short(number) {
  if (!known(number)) return UNKNOWN;
  const size = Math.abs(number);
  if (size === 0) return '0';
  if (size < 0.01) return '<0.01';
  if (size < 1) return number.toFixed(2);
  if (size < 99.95) return trimmed(number.toFixed(1));
  if (size < 9999.5) return grouped.format(number);
  if (size < 999_500) return `${trimmed((number / 1e3).toFixed(1))} k`;
  if (size < 999.5e6) return `${trimmed((number / 1e6).toFixed(1))} M`;
  return `${trimmed((number / 1e9).toFixed(1))} G`;
}

const trimmed = (text) => text.replace(/\.0$/, '');

export function rate(number) {
  return known(number) ? `${short(number >= 10 ? Math.round(number) : number)}/s` : UNKNOWN;
}

export function duration(ms) {
  if (!known(ms)) return UNKNOWN;
  const size = Math.abs(ms);
  if (size === 0) return '0 ms';
  if (size < 0.001) return '<1 µs';
  if (size < 1) return `${trimmed((ms * 1000).toFixed(size < 0.01 ? 1 : 0))} µs`;
  if (size < 10) return `${ms.toFixed(2)} ms`;
  if (size < 100) return `${ms.toFixed(1)} ms`;
  if (size < 999.5) return `${ms.toFixed(0)} ms`;
  return seconds(ms / 1000);
}

export function seconds(number) {
  if (!known(number)) return UNKNOWN;
  if (number === 0) return '0 s';
  if (number < 10) return `${trimmed(number.toFixed(1))} s`;
  if (number < 100) return `${number.toFixed(0)} s`;
  if (number < 5400) return `${(number / 60).toFixed(0)} min`;
  return `${trimmed((number / 3600).toFixed(1))} h`;
}

/** A latency on an arrow: milliseconds without the unit, or seconds. */
export function latency(ms) {
  if (!known(ms)) return UNKNOWN;
  if (ms < 10) return trimmed(ms.toFixed(1));
  return ms < 999.5 ? ms.toFixed(0) : seconds(ms / 1000);
}

export function latencyWithUnit(ms) {
  return known(ms) && ms < 999.5 ? `${latency(ms)} ms` : latency(ms);
}

export function percent(ratio) {
  if (!known(ratio)) return UNKNOWN;
  if (ratio === 0) return '0 %';
  if (ratio < 0.001) return '<0.1 %';
  return `${trimmed((ratio * 100).toFixed(ratio < 0.1 ? 1 : 0))} %`;
}

/** A status of HTTP, or below 100 one of gRPC. */
export function status(code) {
  if (!known(code)) return 'ok';
  if (code >= 100) return String(code);
  return code === 0 ? 'OK' : `gRPC ${code}`;
}

export function bytes(number) {
  if (!known(number)) return UNKNOWN;
  if (number < 1024) return `${number} B`;
  if (number < 1024 ** 2) return `${(number / 1024).toFixed(0)} KiB`;
  if (number < 1024 ** 3) return `${(number / 1024 ** 2).toFixed(0)} MiB`;
  return `${(number / 1024 ** 3).toFixed(1)} GiB`;
}

export function clock(ms) {
  return known(ms) ? time.format(ms) : UNKNOWN;
}

export function clockMs(ms) {
  return known(ms) ? `${time.format(ms)}.${String(Math.floor(ms) % 1000).padStart(3, '0')}` : UNKNOWN;
}

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** An instance without the name of its service, which is written beside it: rating-127.0.0.1-8082 is 127.0.0.1-8082. */
export function shortInstance(id, service) {
  return service && id.startsWith(`${service}-`) ? id.slice(service.length + 1) : id;
}

/** The drops of all services, as text. */
export function dropped(counts) {
  const some = Object.entries(counts ?? {}).filter(([, number]) => number > 0);
  return {
    total: some.reduce((sum, [, number]) => sum + number, 0),
    text: some.map(([name, number]) => `${name} ${count(number)}`).join(', '),
  };
}

/** JSON with two spaces; other text unchanged. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
