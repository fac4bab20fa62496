import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'
import type { Caller } from './caller.ts'
import { looksLikeCredential, type CallerCredentials } from './caller-credentials.ts'
import { JwtVerifier, looksLikeJwt } from './jwt.ts'
import { TOKEN_PREFIX, type Tokens } from './tokens.ts'

/** What the bearer of a request proves. */
export interface Proof {
  readonly isAdmin: boolean
  /**
   * The bearer's id, part of the caller: the id of a token, `admin` for the admin token, `jwt:` and the subject for a JWT;
   * `undefined` for a tool call, whose caller is `caller`.
   */
  readonly token: string | undefined
  /** The caller in whose name a running tool call is made: exactly this one, whatever else the request says. */
  readonly caller?: Caller | undefined
}

const ADMIN_PROOF: Proof = { isAdmin: true, token: 'admin' }

/** Verifies the bearer of a request: the admin token, a token of ours, a JWT of Hero's auth, or a credential of a tool call. */
export interface BearerVerifier {
  /** Whether an admin token or a secret is set; without them every client of a Unix socket is an administrator. */
  readonly isGuarded: boolean
  /** Whether this is a JWT that `verifyAhead` must verify before `verify` is called. */
  needsVerification(bearer: string | undefined): boolean
  /** Verifies a JWT, which is asynchronous, so that `verify` can be synchronous. Never rejects: `verify` throws the refusal. */
  verifyAhead(bearer: string): Promise<void>
  /**
   * `undefined` for no bearer and for a foreign one. Throws `unauthorized` for a token of ours that is unknown,
   * disabled or expired, for a bad JWT, and for the credential of a tool call that has ended.
   */
  verify(bearer: string | undefined): Proof | undefined
}

export interface BearerVerifierParts {
  readonly adminToken: Secret | undefined
  /** The secret of Hero's auth, for HS256. */
  readonly heroSecret: Secret | undefined
  readonly tokens: Pick<Tokens, 'find'>
  /** Where tool calls run; elsewhere no credential is valid. */
  readonly callerCredentials?: Pick<CallerCredentials, 'find'> | undefined
  readonly clock: Clock
}

/** The bearer in the value of an `Authorization` header. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1]
}

export function createBearerVerifier({
  adminToken,
  heroSecret,
  tokens,
  callerCredentials,
  clock,
}: BearerVerifierParts): BearerVerifier {
  const admin = adminToken === undefined ? undefined : digest(adminToken.reveal())
  const jwts = heroSecret === undefined ? undefined : new JwtVerifier(heroSecret)
  const isAdminToken = (bearer: string) => admin !== undefined && timingSafeEqual(digest(bearer), admin)
  return {
    isGuarded: adminToken !== undefined || heroSecret !== undefined,
    needsVerification(bearer) {
      if (bearer === undefined || jwts === undefined || !looksLikeJwt(bearer)) return false
      return !jwts.isVerified(bearer) && !isAdminToken(bearer)
    },
    async verifyAhead(bearer) {
      await jwts?.verify(bearer, clock.now())
    },
    verify(bearer) {
      if (bearer === undefined) return undefined
      if (bearer.startsWith(TOKEN_PREFIX)) return { isAdmin: false, token: tokens.find(bearer).id }
      if (isAdminToken(bearer)) return ADMIN_PROOF
      if (looksLikeCredential(bearer)) return callerProof(bearer, callerCredentials)
      if (jwts === undefined || !looksLikeJwt(bearer)) return undefined
      const { isAdmin, bearer: token } = jwts.claimsOf(bearer, clock.now())
      return { isAdmin, token }
    },
  }
}

function callerProof(bearer: string, credentials: BearerVerifierParts['callerCredentials']): Proof {
  if (credentials === undefined)
    throw new BrokerError('unauthorized', 'credentials of tool calls are not accepted here')
  const { caller } = credentials.find(bearer)
  return { isAdmin: false, token: caller.token, caller }
}

/** A digest has the same length for every text, so that comparing two takes constant time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
