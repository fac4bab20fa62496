import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { randomLetters } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import type { Caller } from './caller.ts'
import { isTokenId, type Tokens } from './tokens.ts'

/** The prefix of every caller credential. No token of ours and no JWT begins like this. */
export const CREDENTIAL_PREFIX = 'call-'

const LETTERS = 43
/** A credential ends with its call. This is the limit for a call whose end is never reported. */
const MAX_LIFETIME_MS = 24 * 60 * 60_000

/** What a credential is bound to: it is handed to one server, for one call of one caller. */
export interface CredentialBinding {
  readonly caller: Caller
  /** The name of the MCP server. */
  readonly server: string
  /** The id of the call, which is that of its ledger entry. */
  readonly call: string
}

/** A credential for one tool call. */
export interface CallCredential {
  readonly text: Secret
  /** Ends the credential. */
  readonly revoke: () => void
}

interface CallerCredentialsParts {
  readonly clock: Clock
  /** A credential of a caller with a token is valid only as long as the token is. */
  readonly tokens: Pick<Tokens, 'list'>
}

interface StoredCredential extends CredentialBinding {
  readonly expiresAt: number
}

/**
 * The credentials of running tool calls. A server of ours that calls the broker in a caller's name shows one instead of an
 * identity of its own, and is served as exactly that caller, never as an administrator. They are random and kept in the memory
 * of this process, so that each ends with its call and none survives a restart.
 */
export class CallerCredentials {
  readonly #parts: CallerCredentialsParts
  /** By hash, so that looking one up takes the same time for every wrong guess. */
  readonly #running = new Map<string, StoredCredential>()

  constructor(parts: CallerCredentialsParts) {
    this.#parts = parts
  }

  /** How many calls have a credential now. */
  get size(): number {
    return this.#running.size
  }

  issue(binding: CredentialBinding): CallCredential {
    const text = `${CREDENTIAL_PREFIX}${randomLetters(LETTERS)}`
    const hash = hashOf(text)
    this.#running.set(hash, { ...binding, expiresAt: this.#parts.clock.monotonic() + MAX_LIFETIME_MS })
    return { text: new Secret(text), revoke: () => void this.#running.delete(hash) }
  }

  /** What a credential is bound to. Throws `unauthorized` when its call has ended, when it never was one, and without the token. */
  find(text: string): CredentialBinding {
    const stored = this.#running.get(hashOf(text))
    if (stored === undefined || this.#parts.clock.monotonic() >= stored.expiresAt)
      throw new BrokerError('unauthorized', 'this credential belongs to no running tool call')
    this.#assertUsable(stored.caller.token)
    return stored
  }

  /** Only tokens of ours can be disabled while the call runs; a JWT and the admin token were verified when it began. */
  #assertUsable(token: string | undefined): void {
    if (token === undefined || !isTokenId(token)) return
    const { clock, tokens } = this.#parts
    const info = tokens.list().find(({ id }) => id === token)
    if (info !== undefined && !info.isDisabled && (info.expiresAt ?? Infinity) * 1000 > clock.now()) return
    throw new BrokerError('unauthorized', 'the token of the caller of this tool call is no longer valid')
  }
}

/** Whether a bearer has the form of a caller credential, whatever it proves. */
export function looksLikeCredential(bearer: string | undefined): boolean {
  return bearer?.startsWith(CREDENTIAL_PREFIX) === true
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
