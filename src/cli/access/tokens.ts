import type { Command } from 'commander'

import type { Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { formatUsd } from '../terminal/format.ts'
import { parseFutureTime } from '../terminal/time-argument.ts'
import { ruleOf, formatRule, withRuleOptions } from './limit-options.ts'
import { printTable } from '../terminal/table.ts'
import { paint, print, printJson, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Token = Result<'tokens.list'>[number]

export function tokensCommand(cli: Cli): Command {
  return describeCommand('tokens', 'List, create and disable the tokens that callers send', [
    'hero_aibroker tokens',
    'hero_aibroker tokens create ada --usd-per-month 5',
    'hero_aibroker tokens disable tok-3kq9',
  ])
    .action(async (_options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const client = clientOf(cli, globals)
      const tokens = await client.call('tokens.list')
      if (globals.json) return printJson(cli.terminal, tokens)
      printTokens(cli.terminal, tokens, await client.call('usage.by_token'), cli.now())
    })
    .addCommand(createCommand(cli))
    .addCommand(changeCommand(cli, 'disable', 'Disable a token until it is enabled again'))
    .addCommand(changeCommand(cli, 'enable', 'Enable a disabled token'))
    .addCommand(deleteCommand(cli))
}

function createCommand(cli: Cli): Command {
  const parseTime = (text: string) => parseFutureTime(text, cli.now())
  const command = describeCommand('create', 'Create a token; it is shown once and never again', [
    'hero_aibroker tokens create ada --usd-per-month 5',
    'hero_aibroker tokens create ci --expires 30d --models "openai/*" --requests-per-minute 60',
    'export OPENAI_API_KEY=$(hero_aibroker tokens create me --json | jq -r .token)',
  ])
    .argument('<label>', 'a name for people')
    .option(
      '--expires <when>',
      'valid until then: 30d, 12h, a date like 2026-12-31, or unix seconds',
      parseTime,
    )
  return withRuleOptions(command).action(
    async (label: string, { expires }: { readonly expires?: number }, itself: Command) => {
      const globals = globalsOf(itself)
      const params = { label, expires_at: expires, rule: ruleOf(itself) }
      const created = await clientOf(cli, globals).call('tokens.create', params)
      if (globals.json) return printJson(cli.terminal, created)
      print(cli.terminal, created.token)
      const limits = created.rule === undefined ? 'without limits of its own' : formatRule(created.rule)
      print(
        cli.terminal,
        paint(cli.terminal, 'dim', `${created.id}: ${limits}. Keep it: it is not shown again.`),
      )
    },
  )
}

function changeCommand(cli: Cli, name: 'disable' | 'enable', summary: string): Command {
  return describeCommand(name, summary, [`hero_aibroker tokens ${name} tok-3kq9`])
    .argument('<id>', 'as “hero_aibroker tokens” shows it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const token = await clientOf(cli, globals).call(`tokens.${name}`, { id })
      if (globals.json) return printJson(cli.terminal, token)
      print(cli.terminal, `${token.id} “${withoutControls(token.label)}” is ${stateOf(token, cli.now())}`)
    })
}

function deleteCommand(cli: Cli): Command {
  return describeCommand('delete', 'Delete a token; what it spent stays in the ledger', [
    'hero_aibroker tokens delete tok-3kq9',
  ])
    .argument('<id>', 'as “hero_aibroker tokens” shows it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const globals: Globals = globalsOf(command)
      const result = await clientOf(cli, globals).call('tokens.delete', { id })
      if (globals.json) return printJson(cli.terminal, result)
      print(cli.terminal, result.removed ? `${id} is deleted` : `there is no token ${id}`)
    })
}

function printTokens(
  terminal: Terminal,
  tokens: readonly Token[],
  usage: Result<'usage.by_token'>,
  nowMs: number,
): void {
  if (tokens.length === 0)
    return print(terminal, 'There are no tokens yet. “hero_aibroker tokens create NAME” creates one.')
  const columns = [
    { title: 'TOKEN' },
    { title: 'LABEL', shrinks: true },
    { title: 'STATE' },
    { title: 'SPENT', align: 'right' },
    { title: 'LIMITS', shrinks: true },
  ] as const
  const spent = new Map(usage.map(({ token, cost_usd }) => [token, cost_usd]))
  const rows = tokens.map((one) => [
    one.id,
    withoutControls(one.label),
    stateOf(one, nowMs),
    formatUsd(spent.get(one.id) ?? '0'),
    one.rule === undefined ? 'as its caller' : formatRule(one.rule),
  ])
  printTable(terminal, columns, rows, (at) => tokens[at]?.disabled === true)
}

function stateOf({ disabled, expires_at }: Token, nowMs: number): string {
  if (disabled) return 'disabled'
  if (expires_at === undefined) return 'good'
  const day = new Date(Math.min(expires_at * 1000, LAST_DATE_MS)).toISOString().replace(/T.*/, '')
  return expires_at * 1000 <= nowMs ? `expired ${day}` : `good until ${day}`
}

/** The last time that a `Date` can hold. */
const LAST_DATE_MS = 8.64e15
