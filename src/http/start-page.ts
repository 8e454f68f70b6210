import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

let page: string | undefined

/** The page at `/`: one file that needs nothing but /v1. */
export function startPage(): string {
  page ??= readFileSync(new URL('./page/index.html', import.meta.url), 'utf8')
  return page
}

/** A page whose own inline scripts and styles run, and nothing else: no other host is ever asked. */
export function htmlAnswer(html: string): Response {
  const policy = [
    "default-src 'none'",
    `script-src ${hashes(html, 'script')}`,
    `style-src ${hashes(html, 'style')}`,
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return new Response(html, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy.join('; '),
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  })
}

function hashes(html: string, tag: 'script' | 'style'): string {
  const found = [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))].map(
    ([, content = '']) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`,
  )
  return found.length > 0 ? found.join(' ') : "'none'"
}
