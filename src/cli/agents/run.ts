import { Argument, type Command } from 'commander'

import type { Client } from '../../sdk/index.ts'
import { parseUsdAmount } from '../access/limit-options.ts'
import { clientOf, describeCommand, globalsOf, socketsOf, type Cli, type Globals } from '../cli.ts'
import { CommandExit } from '../terminal/exit-error.ts'
import { formatCount, formatUsd, plural } from '../terminal/format.ts'
import { AGENTS, type Agent } from './agents.ts'
import { runAgent } from './run-agent.ts'

/** A token that is forgotten ends by itself after this time. */
const VALID_FOR_S = 7 * 86_400

export function runCommand(cli: Cli): Command {
  const names = AGENTS.map(({ name }) => name)
  return describeCommand(
    'run',
    'Start a coding agent on the broker, with a token of its own, and print what it cost',
    [
      'hero_aibroker run claude',
      'hero_aibroker -m gpt-5.6-sol run claude --usd 5 -- -p "explain this folder"',
      'hero_aibroker run gemini --usd 1',
    ],
  )
    .addArgument(new Argument('<agent>', 'the agent').choices(names))
    .argument('[args...]', 'its own arguments, after --')
    .option('--usd <amount>', 'the most that this run may cost, in US dollars', parseUsdAmount)
    .action(async (name: string, args: string[], { usd }: { readonly usd?: string }, command: Command) => {
      const agent = AGENTS.find((one) => one.name === name)
      if (agent !== undefined) await run({ cli, globals: globalsOf(command), agent, args, usd })
    })
}

interface Run {
  readonly cli: Cli
  readonly globals: Globals
  readonly agent: Agent
  readonly args: readonly string[]
  readonly usd: string | undefined
}

async function run({ cli, globals, agent, args, usd }: Run): Promise<void> {
  const client = clientOf(cli, globals)
  const { id, token } = await client.call('tokens.create', {
    label: `run ${agent.name}`,
    expires_at: Math.floor(cli.now() / 1000) + VALID_FOR_S,
    rule: usd === undefined ? undefined : { usd_total: usd },
  })
  try {
    const { rest: socketPath } = socketsOf(cli, globals)
    const { environment } = cli
    const exit = await runAgent({ agent, args, environment, socketPath, token, model: globals.model })
    cli.terminal.errors.write(`${agent.name}: ${await costOf(client, id, usd)}\n`)
    if (exit !== 0) throw new CommandExit(exit)
  } finally {
    await client.call('tokens.delete', { id })
  }
}

async function costOf(client: Client, token: string, usd: string | undefined): Promise<string> {
  const [spent] = await client.call('usage.by_token', { token })
  const most = usd === undefined ? '' : ` of ${formatUsd(usd)}`
  if (spent === undefined) return `no request came to the broker, so that it cost nothing${most}`
  const { requests, total_tokens: tokens, cost_usd, unpriced } = spent
  const free = unpriced === 0 ? '' : `; the price of ${plural(unpriced, 'request')} is unknown`
  return `${plural(requests, 'request')}, ${formatCount(tokens)} tokens, ${formatUsd(cost_usd)}${most}${free}`
}
