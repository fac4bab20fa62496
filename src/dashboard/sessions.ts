import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'

/** Who a browser acts for. */
export interface Session {
  /** The token that was pasted, or the admin token for a link; absent on a broker that has none. Never leaves this process. */
  readonly bearer: string | undefined
  /** A second secret, which the page sends in a header: a cookie alone, which every port of a host gets, is not enough. */
  readonly proof: string
}

/** Sessions of browsers and codes of links, in memory. */
export interface Sessions {
  /** A code that opens one session, within two minutes. */
  newCode(): string
  /** False for a code that is unknown, used or too old. */
  useCode(code: string): boolean
  open(bearer: string | undefined): { readonly id: string; readonly session: Session }
  /** The session of a cookie; its idle time begins again. */
  find(id: string | undefined): Session | undefined
  end(id: string | undefined): void
  /** False when this peer has failed too often within a minute. */
  mayTry(peer: string): boolean
  /** Counts an attempt with a wrong code or token. */
  failed(peer: string): void
}

const CODE_MS = 2 * 60_000
const IDLE_MS = 12 * 3_600_000
const LIFE_MS = 7 * 24 * 3_600_000
const MAX_SESSIONS = 1000
const MAX_CODES = 20
const MAX_PEERS = 1000
const TRIES = 5
const TRY_MS = 60_000

interface Stored {
  readonly session: Session
  readonly until: number
  usedAt: number
}

export function createSessions(clock: Clock): Sessions {
  const codes = new Map<string, number>()
  const sessions = new Map<string, Stored>()
  const tries = new Map<string, number[]>()
  const isAlive = ({ until, usedAt }: Stored): boolean => clock.now() < Math.min(until, usedAt + IDLE_MS)
  const recentOf = (peer: string): number[] =>
    (tries.get(peer) ?? []).filter((at) => at > clock.now() - TRY_MS)
  return {
    newCode() {
      const code = secret(16)
      dropOldest(codes, MAX_CODES)
      codes.set(code, clock.now() + CODE_MS)
      return code
    },
    useCode(code) {
      const until = codes.get(code)
      codes.delete(code)
      return until !== undefined && clock.now() < until
    },
    open(bearer) {
      const id = secret(32)
      const session = { bearer, proof: secret(32) }
      dropOldest(sessions, MAX_SESSIONS)
      sessions.set(id, { session, until: clock.now() + LIFE_MS, usedAt: clock.now() })
      return { id, session }
    },
    find(id) {
      const stored = id === undefined ? undefined : sessions.get(id)
      if (id === undefined || stored === undefined) return undefined
      if (!isAlive(stored)) {
        sessions.delete(id)
        return undefined
      }
      stored.usedAt = clock.now()
      return stored.session
    },
    end: (id) => void (id !== undefined && sessions.delete(id)),
    mayTry: (peer) => recentOf(peer).length < TRIES,
    failed(peer) {
      const recent = recentOf(peer)
      tries.delete(peer)
      dropOldest(tries, MAX_PEERS)
      tries.set(peer, [...recent, clock.now()])
    },
  }
}

/** Whether the header has the session's proof; in constant time. */
export function hasProof({ proof }: Session, header: string | undefined): boolean {
  const [a, b] = [Buffer.from(proof), Buffer.from(header ?? '')]
  return a.length === b.length && timingSafeEqual(a, b)
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys()
  if (map.size >= max && oldest !== undefined) map.delete(oldest)
}
