// The fields of a request.
import { html } from '../html.js';
import { hint, resolve, request } from './schema.js';

function Field({ document, parameter, value, ids, onChange, onFindId }) {
  const schema = resolve(document, parameter.schema) ?? {};
  const id = `parameter-${parameter.name}`;
  const isId = /^ids?$/.test(parameter.name);
  const type = schema.type === 'integer' || schema.type === 'number' ? 'number' : 'text';
  const values = schema.enum ?? (schema.type === 'boolean' ? ['true', 'false'] : null);
  return html`<div class="parameter">
    <label for=${id}><span class="mono">${parameter.name}</span>
      ${parameter.required ? html`<span class="required">required</span>` : ''}<span class="note">${parameter.in}
      </span></label>
    <div class="parameter-input">${
      values
        ? html`<select id=${id} value=${value} aria-describedby=${`${id}-note`}
          onChange=${(event) => onChange(event.currentTarget.value)}>
          ${!parameter.required && html`<option value="">not sent</option>`}${values.map((one) => html`<option key=${one}>${one}</option>`)}</select>`
        : html`<input id=${id} type=${type} step="any" value=${value} placeholder=${hint(document, parameter)}
          required=${parameter.required} spellcheck=${false} autocomplete="off" list=${isId && ids.length ? 'known-ids' : undefined}
        aria-describedby=${`${id}-note`} onInput=${(event) => onChange(event.currentTarget.value)} />`
    }
      ${isId && !value && onFindId && html`<button type="button" class="button small"
        onClick=${onFindId}>Find one</button>`}</div>
    <p class="note" id=${`${id}-note`}>${parameter.description ?? schema.description}</p>
  </div>`;
}

export function Form({ document, operation, values, body, ids, onChange, onFindId }) {
  const { path, query } = request(operation, values);
  let invalid = null;
  try {
    if (operation.body && body) JSON.parse(body);
  } catch (error) {
    invalid = error.message;
  }
  return html`<div class="parameters">
    ${operation.parameters.map(
      (
        parameter,
      ) => html`<${Field} key=${`${operation.id} ${parameter.name}`} document=${document} parameter=${parameter}
        value=${values[parameter.name] ?? ''} ids=${ids}
      onChange=${(value) => onChange({ values: { ...values, [parameter.name]: value } })} onFindId=${onFindId} />`,
    )}
    <datalist id="known-ids">${ids.map((id) => html`<option key=${id} value=${id} />`)}</datalist>
    ${
      operation.body &&
      html`<div class="parameter"><label for="body"><span class="mono">body</span>
        <span class="note">JSON, derived from its schema</span></label>
      <textarea id="body" rows=${Math.min(16, Math.max(5, (body ?? '').split('\n').length))} spellcheck=${false}
        value=${body} onInput=${(event) => onChange({ body: event.currentTarget.value })}></textarea>
      ${invalid && html`<p class="note is-warn">Not JSON: ${invalid}. It is sent as it is.</p>`}</div>`
    }
    <p class="request-line mono"><b>${operation.method}</b> ${path}${query ? `?${query}` : ''}</p>
  </div>`;
}
