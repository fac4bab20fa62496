import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Secret } from '../base/secret.ts'
import { looksLikeJwt, verifyJwt } from './jwt.ts'
import { TOKEN_PREFIX, type Tokens } from './tokens.ts'

/** What somebody proved by what they showed. */
export interface Proof {
  readonly isAdmin: boolean
  /** Id of the token that was shown. */
  readonly token: string | undefined
}

/** Reads what callers show as a bearer. */
export interface Gate {
  /** Whether somebody set an admin token or a secret; without them whoever reaches a Unix socket is an administrator. */
  readonly isGuarded: boolean
  /**
   * `undefined` for nothing, or for what isn't ours at all. Throws `unauthorized` for a token of ours that is unknown,
   * disabled or expired, and for a bad JWT.
   */
  look(bearer: string | undefined): Proof | undefined
}

export interface GateParts {
  readonly adminToken: Secret | undefined
  /** Of Hero's auth, for HS256. */
  readonly heroSecret: Secret | undefined
  readonly tokens: Pick<Tokens, 'find'>
  readonly clock: Clock
}

export function createGate({ adminToken, heroSecret, tokens, clock }: GateParts): Gate {
  const admin = adminToken === undefined ? undefined : digest(adminToken.reveal())
  return {
    isGuarded: adminToken !== undefined || heroSecret !== undefined,
    look(bearer) {
      if (bearer === undefined) return undefined
      if (bearer.startsWith(TOKEN_PREFIX)) return { isAdmin: false, token: tokens.find(bearer).id }
      if (admin !== undefined && timingSafeEqual(digest(bearer), admin))
        return { isAdmin: true, token: undefined }
      if (heroSecret === undefined || !looksLikeJwt(bearer)) return undefined
      return { isAdmin: verifyJwt(bearer, heroSecret, clock.now()).isAdmin, token: undefined }
    },
  }
}

/** Equally long whatever is shown, so that comparing takes equally long too. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
