import { InvalidArgumentError, Option, type Command } from 'commander'

import { setTimeout as delay } from 'node:timers/promises'
import type { Result } from '../../sdk/index.ts'
import { onceClientOf, plainClientOf, describeCommand } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { formatSeconds } from '../terminal/format.ts'
import { whileWaiting } from '../terminal/progress.ts'
import { paint, print, printJson } from '../terminal/terminal.ts'

type Health = Result<'health'>

const POLL_MS = 50

export function healthCommand(cli: Cli): Command {
  return describeCommand('health', 'Check whether the broker responds', [
    'hero_aibroker health',
    'hero_aibroker health --wait 20',
    'hero_aibroker health --json | jq -r .version',
  ])
    .addOption(
      new Option('--wait <seconds>', 'wait so long for a broker that is starting').argParser(parseSeconds),
    )
    .action(async (_options: unknown, command: Command) => {
      const globals = command.optsWithGlobals<Globals & { wait?: number | undefined }>()
      const early = globals.wait === undefined ? undefined : await waitForHealth(cli, globals, globals.wait)
      const health = early ?? (await onceClientOf(cli, globals).call('health'))
      if (globals.json) return printJson(cli.terminal, health)
      const status = paint(cli.terminal, 'green', health.status)
      print(
        cli.terminal,
        `${status}  ${health.service} ${health.version}, up ${formatSeconds(health.uptime_s)}`,
      )
    })
}

/** The state of a broker that is starting; `undefined` when it does not respond in time, or `hasFailed` gives up earlier. */
export async function waitForHealth(
  cli: Cli,
  globals: Pick<Globals, 'socket'>,
  seconds: number,
  hasFailed: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<Health | undefined> {
  const client = plainClientOf(cli, { model: '', json: false, ...globals })
  const end = performance.now() + seconds * 1000
  return await whileWaiting(cli.terminal, 'the broker to start', async () => {
    do {
      const health = await client.call('health').catch(() => undefined)
      if (health !== undefined) return health
      if (await hasFailed()) return undefined
      await delay(POLL_MS)
    } while (performance.now() < end)
    return undefined
  })
}

function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Use a whole number of seconds from 1 to 9999.')
}
