import { asBrokerError } from '../../base/errors.ts'
import type { Client, Result } from '../../sdk/index.ts'
import { realProviders } from './doctor-info.ts'
import type { Finding } from './finding.ts'
import { formatMs, formatSeconds, plural } from '../terminal/format.ts'

type Tested = Result<'providers.test'>
type KeyTest = Tested['keys'][number]

/** Requests the list of models from each real provider with each of its keys, concurrently. This costs nothing. */
export async function checkKeys(client: Client, info: Result<'info'>): Promise<readonly Finding[]> {
  const tests = await Promise.all(
    realProviders(info).map(async ({ name, display_name: shown }) => {
      try {
        const { keys } = await client.call('providers.test', { provider: name })
        return { keys, findings: keys.length === 0 ? [] : [describeKeys(shown, keys)] }
      } catch (thrown) {
        const what = `${shown} was not tested: ${asBrokerError(thrown).message}`
        return { keys: [], findings: [{ state: 'doubtful', what } as const] }
      }
    }),
  )
  return [...tests.flatMap(({ findings }) => findings), ...checkClock(tests.flatMap(({ keys }) => keys))]
}

function describeKeys(provider: string, keys: readonly KeyTest[]): Finding {
  const refused = keys.filter(({ ok }) => !ok)
  const slowest = Math.max(...keys.map(({ ms }) => ms))
  if (refused.length === 0) {
    const what = keys.length === 1 ? 'is reachable' : `is reachable with ${plural(keys.length, 'key')}`
    return { state: 'good', what: `${provider} ${what} in ${formatMs(slowest)}` }
  }
  const reasons = refused.map(({ key, error = 'no reason given' }) =>
    key === undefined ? error : `key ${key}: ${error}`,
  )
  return {
    state: refused.length === keys.length ? 'bad' : 'doubtful',
    what: `${provider}: ${reasons.join('; ')}`,
    advice: refused.some(({ status }) => status === 401 || status === 403)
      ? 'remove the key or replace it, in .env or the environment'
      : 'check that this machine is online and that no proxy or firewall blocks the provider',
  }
}

/** Certificates, budgets and the expiry of tokens depend on the clock. */
const MAX_CLOCK_OFFSET_S = 60

function checkClock(keys: readonly KeyTest[]): readonly Finding[] {
  const offsets = keys.flatMap(({ clock_ahead_s: ahead }) => ahead ?? [])
  const [ahead] = offsets.toSorted((a, b) => Math.abs(a) - Math.abs(b))
  if (ahead === undefined) return []
  if (Math.abs(ahead) < MAX_CLOCK_OFFSET_S)
    return [{ state: 'good', what: 'the clock agrees with those of the providers' }]
  return [
    {
      state: 'bad',
      what: `the clock of this machine is ${formatSeconds(Math.abs(ahead))} ${ahead > 0 ? 'ahead' : 'behind'}`,
      advice: 'set it, for example by: timedatectl set-ntp true',
    },
  ]
}
