// Hash routes: `#/traces/ID?span=…` is the view `traces`, the path `[ID]` and the parameters `{span}`.
import { useEffect, useState } from 'preact/hooks';
import { query } from './api.js';

export function parse(hash) {
  const [path, search = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view = '', ...rest] = path.split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return {
    view: view || 'map',
    path: rest.filter(Boolean),
    parameters: Object.fromEntries(new URLSearchParams(search)),
  };
}

export function link(view, path = [], parameters = {}) {
  return `#/${[view, ...path].map(encodeURIComponent).join('/')}${query(parameters)}`;
}

export function go(view, path, parameters) {
  location.hash = link(view, path, parameters);
}

/** Changes the address without a new entry in the history, for filters. */
export function replace(view, path, parameters) {
  history.replaceState(null, '', link(view, path, parameters));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute() {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => set(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return parse(hash);
}
