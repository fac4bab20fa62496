import { createHmac, timingSafeEqual } from 'node:crypto'
import { BrokerError } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'

/** What a token of Hero's auth says about who shows it. */
export interface Claims {
  readonly subject: string | undefined
  /** May use the admin calls. */
  readonly isAdmin: boolean
}

/** Clocks of two machines may differ by so much. */
const LEEWAY_S = 5
/** Where issuers write what somebody may do. */
const SCOPE_CLAIMS = ['scope', 'scopes', 'claims', 'roles', 'role']
const ADMIN_SCOPES: ReadonlySet<string> = new Set(['admin', 'aibroker.admin', 'hero_aibroker.admin'])

/** Whether it has the form of a JWT, whatever is in it. */
export function looksLikeJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)
}

/**
 * Verifies a JWT that was signed with the shared secret. HS256 is the only algorithm there is; the header's word for any other,
 * `none` above all, is refused before anything else is looked at. Who names no scopes holds the secret's own
 * trust and is an administrator; who names some needs `admin` or `aibroker.admin` among them. Throws `unauthorized`.
 */
export function verifyJwt(text: string, secret: Secret, nowMs: number): Claims {
  const [header = '', payload = '', signature = ''] = text.split('.')
  if (objectIn(header)['alg'] !== 'HS256') throw refused('only HS256 is accepted')
  const expected = createHmac('sha256', secret.reveal()).update(`${header}.${payload}`).digest()
  const shown = Buffer.from(signature, 'base64url')
  if (shown.length !== expected.length || !timingSafeEqual(shown, expected))
    throw refused('its signature is wrong')
  const claims = objectIn(payload)
  checkTime(claims, nowMs / 1000)
  const scopes = scopesIn(claims)
  return {
    subject: typeof claims['sub'] === 'string' ? claims['sub'] : undefined,
    isAdmin: scopes === undefined || scopes.some((scope) => ADMIN_SCOPES.has(scope)),
  }
}

function checkTime({ exp, nbf }: Record<string, unknown>, now: number): void {
  if (exp !== undefined && !(typeof exp === 'number' && now < exp + LEEWAY_S)) throw refused('it has expired')
  if (nbf !== undefined && !(typeof nbf === 'number' && now >= nbf - LEEWAY_S))
    throw refused('it is not valid yet')
}

/** Words of a string, or entries of a list; `undefined` when no claim speaks of scopes. */
function scopesIn(claims: Record<string, unknown>): string[] | undefined {
  const found = SCOPE_CLAIMS.flatMap((name) => (claims[name] === undefined ? [] : [claims[name]]))
  if (found.length === 0) return undefined
  return found.flat().flatMap((value) => (typeof value === 'string' ? value.split(/[\s,]+/) : []))
}

function objectIn(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {
    // Falls through to the refusal.
  }
  throw refused('it is no JWT')
}

function refused(reason: string): BrokerError {
  return new BrokerError('unauthorized', `the token is refused: ${reason}`)
}
