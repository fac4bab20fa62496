import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'

const LIFETIME_MS = 10 * 60_000

/** What a state is bound to: it can't be replayed by another caller, at another server or for another subject. */
interface SealBinding {
  readonly caller: string
  readonly server: string
  readonly subject: string
}

/** Seals a server's `requestState` before the caller gets it, and opens the one that comes back. */
export interface RequestStateSeal {
  seal(state: string, binding: SealBinding): string
  /** Throws `bad-request` for a state that is forged, expired, or bound to something else. */
  open(sealed: string, binding: SealBinding): string
}

/** The HMAC key lives in this process: a sealed state is invalid after a restart. */
export function createRequestStateSeal(clock: Clock): RequestStateSeal {
  const key = randomBytes(32)
  const mac = (payload: string, { caller, server, subject }: SealBinding): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify([payload, caller, server, subject]))
      .digest()
  return {
    seal(state, binding) {
      const payload = Buffer.from(JSON.stringify([clock.now() + LIFETIME_MS, state])).toString('base64url')
      return `${payload}.${mac(payload, binding).toString('base64url')}`
    },
    open(sealed, binding) {
      const [payload = '', tag = ''] = sealed.split('.')
      const received = Buffer.from(tag, 'base64url')
      const expected = mac(payload, binding)
      if (received.length !== expected.length || !timingSafeEqual(received, expected)) throw invalidState()
      const [expires, state]: [number, string] = JSON.parse(Buffer.from(payload, 'base64url').toString())
      if (clock.now() > expires) throw invalidState()
      return state
    },
  }
}

function invalidState(): BrokerError {
  return new BrokerError('bad-request', 'invalid or expired requestState; make the call again from the start')
}
