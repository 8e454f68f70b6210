import type { OpenAPIHono } from '@hono/zod-openapi'

/** The OpenAPI document as `getOpenAPI31Document` gives it. */
export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>

type Json = { [key: string]: Json | undefined } | Json[] | string | number | boolean | null

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** The API's description as one page of plain HTML: it needs no script and asks no other host. */
export function docsPage(document: OpenApiDocument): string {
  const schemas = asObject(document.components?.schemas as Json | undefined)
  const groups = new Map<string, string[]>()
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method]
      if (!operation) continue
      const tag = operation.tags?.[0] ?? 'Other'
      const section = operationHtml(method, path, operation as unknown as Record<string, Json | undefined>)
      groups.set(tag, [...(groups.get(tag) ?? []), section])
    }
  }
  const sections = [...groups].map(([tag, list]) => `<h2>${escapeHtml(tag)}</h2>\n${list.join('\n')}`)
  const parts = Object.entries(schemas).map(
    ([name, schema]) =>
      `<h3 id="${escapeHtml(name)}">${escapeHtml(name)}</h3><pre>${typeHtml(schema, 0)}</pre>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>kindred ${escapeHtml(document.info.version)} HTTP API</title>
<style>${STYLE}</style></head><body>
<h1>kindred ${escapeHtml(document.info.version)} HTTP API</h1>
<p>${prose(document.info.description ?? '')} The same for programs: <a href="/openapi.json">/openapi.json</a>. <a href="/">To the search page</a>.</p>
${sections.join('\n')}
<h2>Types</h2>
${parts.join('\n')}
</body></html>`
}

function operationHtml(method: string, path: string, operation: Record<string, Json | undefined>): string {
  const rows: string[] = []
  for (const parameter of asArray(operation.parameters)) {
    const { name, in: where, schema, description, required } = asObject(parameter)
    const note = description ?? asObject(schema).description
    const optional = required === true ? '' : '?'
    rows.push(
      `<dt><code>${escapeHtml(String(name))}${optional}</code> <i>${escapeHtml(String(where))}</i></dt><dd><code>${typeHtml(schema, 0)}</code> ${prose(note)}</dd>`,
    )
  }
  for (const [type, media] of contents(operation.requestBody)) {
    rows.push(
      `<dt>Body <i>${escapeHtml(type)}</i></dt><dd><pre>${typeHtml(asObject(media).schema, 0)}</pre></dd>`,
    )
  }
  for (const [status, response] of Object.entries(asObject(operation.responses))) {
    const bodies = contents(response).map(([type, media]) => {
      const kind = type === 'application/json' ? '' : ` <i>${escapeHtml(type)}</i>`
      return `${kind}<pre>${typeHtml(asObject(media).schema, 0)}</pre>`
    })
    const title = status === 'default' ? 'Errors' : status
    rows.push(`<dt>${title}</dt><dd>${prose(asObject(response).description)}${bodies.join('')}</dd>`)
  }
  return `<details><summary><b class="${method}">${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code> <span>${prose(operation.summary)}</span></summary><dl>${rows.join('')}</dl></details>`
}

/** A JSON schema in the way of a TypeScript type. */
function typeHtml(schema: Json | undefined, depth: number): string {
  const {
    $ref,
    type,
    enum: values,
    items,
    properties,
    oneOf,
    anyOf,
    additionalProperties,
    ...rest
  } = asObject(schema)
  if (typeof $ref === 'string') {
    const name = escapeHtml($ref.slice($ref.lastIndexOf('/') + 1))
    return `<a href="#${name}">${name}</a>`
  }
  if (Array.isArray(values)) return values.map((value) => escapeHtml(JSON.stringify(value))).join(' | ')
  if (rest.const !== undefined) return escapeHtml(JSON.stringify(rest.const))
  const choices = asArray(oneOf ?? anyOf)
  if (choices.length > 0) return choices.map((choice) => typeHtml(choice, depth)).join(' | ')
  if (Array.isArray(type)) {
    const alternatives = type.map((one) => typeHtml({ ...asObject(schema), type: one }, depth))
    return alternatives.join(' | ')
  }
  if (type === 'array') return `${typeHtml(items, depth)}[]`
  if (properties !== undefined) return objectHtml(asObject(properties), asArray(rest.required), depth)
  if (type === 'object') {
    const inner = typeof additionalProperties === 'object' ? typeHtml(additionalProperties, depth) : 'any'
    return `{ [name]: ${inner} }`
  }
  const range = rest.minimum === undefined ? '' : ` ${rest.minimum}…${rest.maximum ?? ''}`
  return `${escapeHtml(typeof type === 'string' ? type : 'any')}${range}`
}

function objectHtml(properties: Record<string, Json | undefined>, required: Json[], depth: number): string {
  const indent = '  '.repeat(depth + 1)
  const lines = Object.entries(properties).map(([name, schema]) => {
    const description = asObject(schema).description
    const note = description === undefined ? '' : `  <i>${prose(description)}</i>`
    return `${indent}${escapeHtml(name)}${required.includes(name) ? '' : '?'}: ${typeHtml(schema, depth + 1)}${note}`
  })
  return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`
}

function contents(value: Json | undefined): [string, Json | undefined][] {
  return Object.entries(asObject(asObject(value).content))
}

function asObject(value: Json | undefined): Record<string, Json | undefined> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

function asArray(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Text with `code` in it. */
function prose(text: Json | undefined): string {
  return typeof text === 'string' ? escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>') : ''
}

const STYLE = `:root{color-scheme:light dark;--line:#8884;--soft:#8882;--accent:#5b5bd6}
body{font:16px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:var(--soft);padding:.6rem .8rem;border-radius:6px;overflow:auto}
a{color:var(--accent)}i{opacity:.65}details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0}
summary{cursor:pointer;padding:.5rem .8rem}summary b{display:inline-block;min-width:4.2rem}summary span{opacity:.75;margin-left:.6rem}
dl{margin:0;padding:0 1rem 1rem}dt{font-weight:600;margin-top:.7rem}dd{margin:0}dd pre{margin:.3rem 0}
.get{color:#2a8}.post{color:#36c}.patch{color:#b70}.delete{color:#c33}`
