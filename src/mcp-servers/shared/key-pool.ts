import type { Clock } from '../../base/clock.ts'
import { Secret } from '../../base/secret.ts'
import { ToolFailure } from './tool-failure.ts'

/** Cooldown of a key that was rejected or has no credit; afterwards it is tried again, the operator may have paid. */
const COOLDOWN_MS = 60_000
const MIN_COOLDOWN_MS = 250

/** A vendor's keys in rotation: one is used until it fails, then the next; a failed key cools down. */
export interface KeyPool {
  readonly all: readonly Secret[]
  /** A key that may be used now. Throws the failure of the key that is available soonest, or `auth` if there are no keys. */
  acquire(): Secret
  /** Starts the cooldown of a key after `auth`, `quota` or `rate_limit`. */
  coolDown(key: Secret, failure: ToolFailure): void
  /** Milliseconds until a key may be used; 0 if one may be used now. */
  availableInMs(): number
}

interface Cooldown {
  readonly until: number
  readonly failure: ToolFailure
}

export function createKeyPool(keys: readonly Secret[], variable: string, clock: Clock): KeyPool {
  const cooldowns = new Map<Secret, Cooldown>()
  let current = 0

  const untilOf = (key: Secret) => cooldowns.get(key)?.until ?? 0
  const isAvailable = (key: Secret) => untilOf(key) <= clock.monotonic()
  const soonestMs = () => Math.min(...keys.map(untilOf))

  return {
    all: keys,
    acquire() {
      for (let step = 0; step < keys.length; step++) {
        const at = (current + step) % keys.length
        const key = keys[at]
        if (key === undefined || !isAvailable(key)) continue
        current = at
        return key
      }
      throw noKeyAvailable()
    },
    coolDown(key, failure) {
      const seconds = failure.details.retryAfterSeconds
      const ms =
        failure.kind === 'rate_limit' ? Math.max(MIN_COOLDOWN_MS, (seconds ?? 1) * 1000) : COOLDOWN_MS
      cooldowns.set(key, { until: clock.monotonic() + ms, failure })
    },
    availableInMs: () => (keys.length === 0 ? 0 : Math.max(0, soonestMs() - clock.monotonic())),
  }

  function noKeyAvailable(): ToolFailure {
    const first = keys
      .map((key) => cooldowns.get(key))
      .toSorted((a, b) => (a?.until ?? 0) - (b?.until ?? 0))[0]
    if (first === undefined) {
      return new ToolFailure('auth', `no key: the environment variable ${variable} is not set`)
    }
    const seconds = Math.max(1, Math.ceil((first.until - clock.monotonic()) / 1000))
    return new ToolFailure(first.failure.kind, first.failure.message, {
      ...first.failure.details,
      retryAfterSeconds: seconds,
    })
  }
}

/** Reads keys from the environment variables `names` in this order, comma-separated, without duplicates. */
export function keysFrom(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Secret[] {
  const values = names.flatMap((name) => (env[name] ?? '').split(',')).map((value) => value.trim())
  return [...new Set(values.filter((value) => value !== ''))].map((value) => new Secret(value))
}
