// A virtualised table: only the visible rows are in the document, however many there are. Rows have one tab stop and are
// reached by arrow keys; screen readers get the row's number and the number of rows.
import { html } from './html.js';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

const OVERSCAN = 6;

/**
 * `columns`: `[[class, heading]…]`; `cells(row)`: one child per column; `follow`: keep the end in view;
 * `onKey(event, row)` returns true if it has handled the key; `rowProps(row)`: more attributes of a row.
 */
export function Grid(props) {
  const {
    label,
    columns,
    rows,
    keyOf,
    rowHeight,
    cells,
    onOpen,
    selected,
    follow,
    onKey,
    rowProps,
    kind = 'grid',
    look,
    onScrolled,
  } = props;
  const body = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState(null);
  const wantsFocus = useRef(false);

  const at = Math.max(
    0,
    rows.findIndex((row) => keyOf(row) === (active ?? selected)),
  );
  const first = Math.max(0, Math.floor(view.top / rowHeight) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);

  const measure = () => {
    const { scrollTop, clientHeight } = body.current;
    setView((old) =>
      old.top === scrollTop && old.height === clientHeight ? old : { top: scrollTop, height: clientHeight },
    );
    onScrolled?.(body.current);
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(body.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (follow) body.current.scrollTop = body.current.scrollHeight;
    measure();
  }, [rows, follow]);
  useEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    body.current.querySelector('[role="row"][tabindex="0"]')?.focus({ preventScroll: true });
  });

  const reach = (to) => {
    const index = Math.max(0, Math.min(rows.length - 1, to));
    const element = body.current;
    const top = index * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight - element.clientHeight;
    wantsFocus.current = true;
    setActive(keyOf(rows[index]));
    measure();
  };
  const pressed = (event, row, index) => {
    if (event.target !== event.currentTarget || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const moves = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: rows.length - 1,
      PageDown: index + page,
      PageUp: index - page,
    };
    if (onKey?.(event, row)) event.preventDefault();
    else if (event.key in moves) {
      event.preventDefault();
      reach(moves[event.key]);
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onOpen?.(row);
    }
  };

  // The row with the tab stop stays in the document, so that focus is not lost when it is scrolled out of view.
  const shown = rows.slice(first, last).map((row, offset) => [row, first + offset]);
  if (rows.length && (at < first || at >= last)) shown.push([rows[at], at]);
  return html`<div class=${`grid ${look ?? ''}`} role=${kind} aria-label=${label} aria-rowcount=${rows.length + 1}
    aria-colcount=${columns.length}>
    <div role="rowgroup" class="grid-head"><div role="row" class="grid-row" aria-rowindex="1">
      ${columns.map(([name, heading]) => html`<span key=${name} role="columnheader" class=${`cell cell-${name}`}>
        ${heading}</span>`)}
    </div></div>
    <div role="rowgroup" class="grid-body" ref=${body} onScroll=${measure}>
      <div role="presentation" class="grid-space" style=${{ height: `${rows.length * rowHeight}px` }}>
        ${shown.map(([row, index]) => {
          const key = keyOf(row);
          return html`<div key=${key} role="row" aria-rowindex=${index + 2} tabindex=${index === at ? 0 : -1}
            aria-selected=${selected === undefined ? undefined : key === selected} ...${rowProps?.(row) ?? {}}
            class=${`grid-row ${rowProps?.(row)?.class ?? ''}`} style=${{ transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` }}
            onClick=${() => {
              setActive(key);
              onOpen?.(row);
            }} onKeyDown=${(event) => pressed(event, row, index)}
            onFocus=${() => setActive(key)}>
            ${cells(row).map((cell, column) => html`<span key=${columns[column][0]} role="gridcell"
              class=${`cell cell-${columns[column][0]}`}>${cell}</span>`)}
          </div>`;
        })}
      </div>
    </div>
  </div>`;
}

/** Whether the window is narrower than `width` pixels. */
export function useNarrow(width) {
  const media = matchMedia(`(max-width: ${width}px)`);
  const [narrow, set] = useState(media.matches);
  useEffect(() => {
    const changed = () => set(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  return narrow;
}
