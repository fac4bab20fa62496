import type { Command } from 'commander'

import { onceClientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli } from '../cli.ts'
import { formatSeconds } from '../terminal/format.ts'
import { paint, print, printJson } from '../terminal/terminal.ts'

export function healthCommand(cli: Cli): Command {
  return describeCommand('health', 'Check whether the broker responds', [
    'hero_aibroker health',
    'hero_aibroker health --json | jq -r .version',
  ]).action(async (_options: unknown, command: Command) => {
    const globals = globalsOf(command)
    const health = await onceClientOf(cli, globals).call('health')
    if (globals.json) return printJson(cli.terminal, health)
    const status = paint(cli.terminal, 'green', health.status)
    print(
      cli.terminal,
      `${status}  ${health.service} ${health.version}, up ${formatSeconds(health.uptime_s)}`,
    )
  })
}
