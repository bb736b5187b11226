import { render } from 'preact';
import { html } from './html.js';
import { start } from './live.js';
import { Shell } from './shell.js';
import './css/app.css';

start();
render(html`<${Shell} />`, document.getElementById('app'));
