import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'

/** What is known about a token, without the token itself. Times are unix seconds. */
export interface TokenFacts {
  readonly id: string
  readonly label: string
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly isDisabled: boolean
}

/** A token as it is stored: its hash instead of the token itself. */
export interface KeptToken {
  readonly facts: TokenFacts
  /** Keyed hash of the token, in base64. */
  readonly hash: string
}

/** Finds the tokens that callers send, by their hashes. */
export class TokenTable {
  readonly #key: Buffer
  readonly #clock: Clock
  readonly #byHash = new Map<string, KeptToken>()

  /** @param keyPath file of the key that tokens are hashed with; created when it is missing, readable by its owner alone. */
  constructor(keyPath: string, clock: Clock) {
    this.#key = keyIn(keyPath)
    this.#clock = clock
  }

  all(): readonly KeptToken[] {
    return [...this.#byHash.values()]
  }

  put(kept: KeptToken): void {
    this.#byHash.set(kept.hash, kept)
  }

  /** False when it was not in the table. */
  delete({ hash }: KeptToken): boolean {
    return this.#byHash.delete(hash)
  }

  /** Replaces the whole content. */
  replace(all: readonly KeptToken[]): void {
    this.#byHash.clear()
    for (const kept of all) this.put(kept)
  }

  /** Finds a token. Throws `unauthorized` when it is unknown, disabled or expired. */
  find(shown: string): TokenFacts {
    const hash = this.hashOf(shown)
    const kept = this.#byHash.get(hash)
    if (kept === undefined || !timingSafeEqual(Buffer.from(hash), Buffer.from(kept.hash)))
      throw refused('is not known here')
    const { facts } = kept
    if (facts.isDisabled) throw refused('is disabled')
    if (facts.expiresAt !== undefined && facts.expiresAt * 1000 <= this.#clock.now())
      throw refused('has expired')
    return facts
  }

  hashOf(token: string): string {
    return createHmac('sha256', this.#key).update(token).digest('base64')
  }
}

function keyIn(path: string): Buffer {
  try {
    writeFileSync(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex')
}

function refused(why: string): BrokerError {
  return new BrokerError('unauthorized', `this token ${why}`)
}
