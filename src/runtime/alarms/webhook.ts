import { createHmac, randomUUID } from 'node:crypto'
import { backoffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import type { Log } from '../log-buffer.ts'
import type { AlarmChange } from './warnings.ts'

/** Where alarms are sent. */
export interface WebhookTarget {
  readonly url: string
  /** Signs each request; without it they are not signed. */
  readonly secret: Secret | undefined
}

export interface WebhookParts {
  readonly target: WebhookTarget
  readonly clock: Clock
  readonly log: Log
  /** Of this program. */
  readonly version: string
}

/** Sends alarms one after the other, each until it is accepted. */
export interface AlarmWebhook {
  readonly send: (change: AlarmChange) => void
  /** Gives up what is not sent yet. */
  close(): void
}

const TIMEOUT_MS = 10_000
/** Some 20 minutes in all. */
const MAX_TRIES = 12
const PAUSES = { firstMs: 1000, maxMs: 300_000 }
const MAX_WAITING = 100

interface Delivery {
  readonly id: string
  readonly body: string
}

/**
 * POSTs each alarm as JSON, with an id that repeats keep. The signature is the HMAC-SHA256 of the time of the try, a dot and the body:
 * a receiver that compares it, and refuses old times, can't be deceived by a copy. Any status of 200 to 299 accepts.
 */
export function createAlarmWebhook({ target, clock, log, version }: WebhookParts): AlarmWebhook {
  const waiting: Delivery[] = []
  const closed = new AbortController()
  let tries = 0
  let isSending = false
  let cancelPause = (): void => undefined

  function send({ alarm, state, message }: AlarmChange): void {
    const at = new Date(clock.now()).toISOString()
    const body = JSON.stringify({ service: 'hero_aibroker', version, alarm, state, message, at })
    if (waiting.length >= MAX_WAITING) giveUp('too many alarms wait')
    waiting.push({ id: randomUUID(), body })
    if (!isSending) void sendNext()
  }

  async function sendNext(): Promise<void> {
    const [delivery] = waiting
    isSending = delivery !== undefined
    if (delivery === undefined) return
    const problem = await attempt(delivery)
    if (closed.signal.aborted) return
    if (problem === undefined) waiting.shift()
    else if (++tries >= MAX_TRIES) giveUp(problem)
    else {
      cancelPause = clock.after(backoffMs(PAUSES, tries), () => void sendNext())
      return
    }
    tries = 0
    void sendNext()
  }

  function giveUp(problem: string): void {
    const lost = waiting.shift()
    log.warn({ problem, delivery: lost?.id }, 'an alarm could not be sent to the webhook')
  }

  async function attempt({ id, body }: Delivery): Promise<string | undefined> {
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const headers = { 'content-type': 'application/json', 'x-aibroker-delivery': id, ...signature(body) }
    try {
      const response = await fetch(target.url, { method: 'POST', headers, body, signal, redirect: 'error' })
      await response.body?.cancel()
      return response.ok ? undefined : `HTTP ${response.status}`
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  function signature(body: string): Record<string, string> {
    if (target.secret === undefined) return {}
    const time = String(Math.floor(clock.now() / 1000))
    const mac = createHmac('sha256', target.secret.reveal()).update(`${time}.${body}`).digest('hex')
    return { 'x-aibroker-timestamp': time, 'x-aibroker-signature': `sha256=${mac}` }
  }

  return {
    send,
    close() {
      closed.abort()
      cancelPause()
    },
  }
}
