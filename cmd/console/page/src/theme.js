// Dark, light, or what the system prefers; the choice is kept in this browser.
import { html, Icon } from './html.js';
import { useEffect, useState } from 'preact/hooks';

const KEY = 'console-theme';
const NEXT = { auto: 'light', light: 'dark', dark: 'auto' };
const ICONS = { auto: 'auto', light: 'sun', dark: 'moon' };

function stored() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme in NEXT ? theme : 'auto';
  } catch {
    return 'auto';
  }
}

export function ThemeButton() {
  const [theme, set] = useState(stored);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    dispatchEvent(new Event('theme'));
  }, [theme]);
  const text = theme === 'auto' ? 'as the system' : theme;
  return html`<button type="button" class="quiet" aria-label=${`Colours: ${text}`} title=${`Colours: ${text}`}
    onClick=${() => set(NEXT[theme])}><${Icon} name=${ICONS[theme]} /></button>`;
}
