import { createHash } from 'node:crypto'
import { BoundedMap } from '../base/collections/bounded-map.ts'
import { asBrokerError, BrokerError } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'

/** What a token of Hero's auth states about its bearer. */
export interface Claims {
  /** The bearer's id among callers, made of the claim `sub`: `jwt:ada`. */
  readonly bearer: string
  /** A scope says that the bearer may use the admin calls. */
  readonly isAdmin: boolean
  /** Unix seconds. */
  readonly expiresAt: number | undefined
}

/** Clocks of two machines may differ by so much. */
const LEEWAY_S = 5
/** Where issuers write what the bearer may do. */
const SCOPE_CLAIMS = ['scope', 'scopes', 'claims', 'roles', 'role']
const ADMIN_SCOPES: ReadonlySet<string> = new Set(['admin', 'aibroker.admin', 'hero_aibroker.admin'])

/** Whether a text has the form of a JWT, whatever is in it. */
export function looksLikeJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text)
}

/**
 * Verifies a JWT that was signed with the shared secret. HS256 is the only algorithm that is accepted: a token whose header
 * names another one, `none` above all, is refused. Its bearer is a caller, and an administrator only if one of its scopes is
 * an admin scope. Rejects with `unauthorized`.
 */
export async function verifyJwt(text: string, secret: Secret, nowMs: number): Promise<Claims> {
  // Loaded with the first JWT: most brokers never see one.
  const [{ jwtVerify }, errors] = await Promise.all([import('jose/jwt/verify'), import('jose/errors')])
  try {
    const { payload } = await jwtVerify(text, new TextEncoder().encode(secret.reveal()), {
      algorithms: ['HS256'],
      clockTolerance: LEEWAY_S,
      currentDate: new Date(nowMs),
    })
    return {
      bearer: bearerId(payload.sub),
      isAdmin: scopesIn(payload).some((scope) => ADMIN_SCOPES.has(scope)),
      expiresAt: payload.exp,
    }
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    if (error instanceof errors.JOSEAlgNotAllowed) throw refused('only HS256 is accepted')
    if (error instanceof errors.JWSSignatureVerificationFailed) throw refused('its signature is wrong')
    if (error instanceof errors.JWTExpired) throw refused(EXPIRED)
    if (!(error instanceof errors.JWTClaimValidationFailed)) throw refused('it is not a valid JWT')
    throw refused(error.claim === 'exp' ? EXPIRED : 'it is not valid yet')
  }
}

/** Verified tokens that are remembered. Headers end at 16 KB, so these are 16 MB at most. */
const MAX_VERIFIED = 1024
/** Only kept until the request is refused. */
const MAX_REFUSED = 256

/**
 * Verifies JWTs and remembers the result, for verifying is asynchronous and a request looks at its token several times. A
 * token that was verified is not verified again; its expiry is looked at each time.
 */
export class JwtVerifier {
  readonly #secret: Secret
  readonly #verified = new BoundedMap<string, Claims>(MAX_VERIFIED)
  readonly #refused = new BoundedMap<string, BrokerError>(MAX_REFUSED)

  constructor(secret: Secret) {
    this.#secret = secret
  }

  isVerified(text: string): boolean {
    return this.#verified.has(text)
  }

  /** Never rejects: a refusal is kept for `claimsOf`. */
  async verify(text: string, nowMs: number): Promise<void> {
    try {
      this.#verified.set(text, await verifyJwt(text, this.#secret, nowMs))
    } catch (error) {
      this.#refused.set(text, asBrokerError(error))
    }
  }

  /** What a token that `verify` has seen states. Throws `unauthorized`. */
  claimsOf(text: string, nowMs: number): Claims {
    const claims = this.#verified.get(text)
    if (claims === undefined)
      throw this.#refused.get(text) ?? refused('it was not verified; send the request again')
    const { expiresAt = Infinity } = claims
    if (nowMs / 1000 >= expiresAt + LEEWAY_S) throw refused(EXPIRED)
    return claims
  }
}

const EXPIRED = 'it has expired'

/** Longer subjects are hashed: an id is stored with every ledger entry. */
const MAX_ID_CHARACTERS = 128

/**
 * The id of a bearer, without spaces or control characters. A token without a subject does not identify its bearer: all of
 * them have one id.
 */
function bearerId(subject: unknown): string {
  if (typeof subject !== 'string') return 'jwt:'
  if (subject.length <= MAX_ID_CHARACTERS && subject.isWellFormed()) {
    const id = encodeURIComponent(subject)
    if (id.length <= MAX_ID_CHARACTERS) return `jwt:${id}`
  }
  return `jwt:#${createHash('sha256').update(Buffer.from(subject, 'utf16le')).digest('base64url')}`
}

/** Whether a text is the id of a bearer of JWTs. Only the issuer knows which of them exist. */
export function isJwtBearer(id: string): boolean {
  return /^jwt:[!-~]{0,384}$/.test(id)
}

/** Words of a string, or entries of a list. */
function scopesIn(claims: Readonly<Record<string, unknown>>): string[] {
  return SCOPE_CLAIMS.flatMap((name) => claims[name]).flatMap((value) =>
    typeof value === 'string' ? value.split(/[\s,]+/) : [],
  )
}

function refused(reason: string): BrokerError {
  return new BrokerError('unauthorized', `the token is refused: ${reason}`)
}
