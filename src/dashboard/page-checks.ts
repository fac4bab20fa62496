import type { IncomingMessage } from 'node:http'
import { BrokerError } from '../base/errors.ts'

/** The headers of every answer: nothing from elsewhere is loaded, nothing inline runs, and no other page may frame this one. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(self)',
}

/** Headers by which a front says that a request came from a network. */
const FRONT_HEADERS = [
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'x-hero-context',
  'x-hero-user',
  'via',
] as const

/** Whether a front has passed this request on. */
export function isForwarded({ headers }: IncomingMessage): boolean {
  return FRONT_HEADERS.some((name) => headers[name] !== undefined)
}

const PREFIX = /^(\/[A-Za-z0-9._~-]+){1,4}$/

/** The path under which a front shows the dashboard, such as `/hero_aibroker/admin`; empty without one and for a bad one. */
export function prefixOf({ headers }: IncomingMessage): string {
  const prefix = headers['x-forwarded-prefix']
  return typeof prefix === 'string' && PREFIX.test(prefix) && !prefix.includes('..') ? prefix : ''
}

/** The hosts with ports by which browsers reach a TCP listener. */
export function ownHosts(address: string, port: number): ReadonlySet<string> {
  const bound = address.includes(':') ? `[${address}]` : address
  return new Set(['127.0.0.1', 'localhost', '[::1]', bound].map((name) => `${name}:${port}`))
}

/**
 * Refuses what a page of another origin, another port among them, may have made a browser send: a call must be JSON, carry our
 * header, and come from our own page. Throws `forbidden`, `unsupported-media`.
 */
export function refuseForeignCall({ headers }: IncomingMessage, hasFront: boolean): void {
  const { origin, host } = headers
  if (headers['content-type']?.split(';', 1)[0]?.trim() !== 'application/json')
    throw new BrokerError('unsupported-media', 'a call must be JSON: send Content-Type: application/json')
  if (headers['x-aibroker-dashboard'] === undefined)
    throw new BrokerError('forbidden', 'the header X-Aibroker-Dashboard is missing')
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin')
    throw new BrokerError('forbidden', 'pages of other sites are refused')
  if (hasFront) return
  if (origin === undefined || !isOriginOf(host ?? '', origin))
    throw new BrokerError('forbidden', 'Origin is not the host and port that this request goes to')
}

function isOriginOf(host: string, origin: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`
}
