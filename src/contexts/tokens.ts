import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { randomLetters } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import type { Row } from '../store/sql.ts'
import type { Store } from '../store/store.ts'

/** What is known of a token; not the token. Times are unix seconds. */
export interface TokenFacts {
  readonly id: string
  readonly label: string
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly isDisabled: boolean
}

/** The tokens that callers may show. Each is seen once, by whoever creates it; kept is a keyed hash. */
export interface Tokens {
  list(): readonly TokenFacts[]
  create(wish: {
    readonly label: string
    readonly expiresAt?: number | undefined
  }): Promise<{ readonly facts: TokenFacts; readonly token: Secret }>
  /** Throws `not-found`. */
  setDisabled(id: string, isDisabled: boolean): Promise<TokenFacts>
  /** False when there was none. */
  remove(id: string): Promise<boolean>
  /** Whose token this is. Throws `unauthorized` when it is unknown, disabled or expired. */
  find(shown: string): TokenFacts
}

/** Every token of ours begins so; what begins otherwise is somebody else's, such as the dummy key of an OpenAI client. */
export const TOKEN_PREFIX = 'hb-'

const LETTERS = 43

export interface TokensParts {
  /** `apikeys.db` */
  readonly store: Store
  /** File of the key that tokens are hashed with; made when it isn't there, readable by its owner alone. */
  readonly keyPath: string
  readonly clock: Clock
}

export function openTokens(parts: TokensParts): Tokens {
  return new StoredTokens(parts)
}

interface Kept {
  readonly facts: TokenFacts
  readonly hash: Buffer
}

class StoredTokens implements Tokens {
  readonly #parts: TokensParts
  readonly #key: Buffer
  readonly #insert
  readonly #disable
  readonly #delete
  readonly #byHash = new Map<string, Kept>()

  constructor(parts: TokensParts) {
    const { store, keyPath } = parts
    this.#parts = parts
    this.#key = keyIn(keyPath)
    this.#insert = store.prepare(
      'INSERT INTO api_keys (id, label, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
    )
    this.#disable = store.prepare('UPDATE api_keys SET disabled = ? WHERE id = ?')
    this.#delete = store.prepare('DELETE FROM api_keys WHERE id = ?')
    for (const row of store.prepare('SELECT * FROM api_keys ORDER BY created_at, id').all()) this.#keep(row)
  }

  list(): readonly TokenFacts[] {
    return [...this.#byHash.values()].map(({ facts }) => facts)
  }

  async create({ label, expiresAt }: { label: string; expiresAt?: number | undefined }) {
    const token = new Secret(`${TOKEN_PREFIX}${randomLetters(LETTERS)}`)
    const createdAt = Math.floor(this.#parts.clock.now() / 1000)
    const facts = { id: `tok-${randomLetters(12)}`, label, createdAt, expiresAt, isDisabled: false }
    const hash = this.#hashOf(token.reveal())
    const text = hash.toString('base64')
    await this.#parts.store.write(() => this.#insert.run(facts.id, label, text, createdAt, expiresAt ?? null))
    this.#byHash.set(text, { facts, hash })
    return { facts, token }
  }

  async setDisabled(id: string, isDisabled: boolean): Promise<TokenFacts> {
    const [text, kept] = this.#entryOf(id) ?? []
    if (text === undefined || kept === undefined)
      throw new BrokerError('not-found', `there is no token ${id}`)
    await this.#parts.store.write(() => this.#disable.run(isDisabled ? 1 : 0, id))
    const facts = { ...kept.facts, isDisabled }
    this.#byHash.set(text, { ...kept, facts })
    return facts
  }

  async remove(id: string): Promise<boolean> {
    await this.#parts.store.write(() => this.#delete.run(id))
    const [text] = this.#entryOf(id) ?? []
    return text !== undefined && this.#byHash.delete(text)
  }

  find(shown: string): TokenFacts {
    const hash = this.#hashOf(shown)
    const kept = this.#byHash.get(hash.toString('base64'))
    if (kept === undefined || !timingSafeEqual(kept.hash, hash)) throw refused('is not known here')
    const { facts } = kept
    if (facts.isDisabled) throw refused('is disabled')
    if (facts.expiresAt !== undefined && facts.expiresAt * 1000 <= this.#parts.clock.now())
      throw refused('has expired')
    return facts
  }

  #keep(row: Row): void {
    const text = String(row['hash'])
    const expiresAt = row['expires_at'] === null ? undefined : Number(row['expires_at'])
    const facts = {
      id: String(row['id']),
      label: String(row['label']),
      createdAt: Number(row['created_at']),
      expiresAt,
      isDisabled: Number(row['disabled']) === 1,
    }
    this.#byHash.set(text, { facts, hash: Buffer.from(text, 'base64') })
  }

  #entryOf(id: string): [string, Kept] | undefined {
    return [...this.#byHash].find(([, { facts }]) => facts.id === id)
  }

  #hashOf(token: string): Buffer {
    return createHmac('sha256', this.#key).update(token).digest()
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
