import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'

import { BrokerError } from '../../base/errors.ts'
import type { Params, Result } from '../../sdk/index.ts'
import { clientOf, describeCommand, globalsOf, printResult } from '../cli.ts'
import type { Cli, Globals } from '../cli.ts'
import { formatUsd } from '../terminal/format.ts'
import { ruleOf, formatRule, withRuleOptions } from './limit-options.ts'
import { printTable } from '../terminal/table.ts'
import { print, printJson } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

type Subject = Params<'limits.set'>['subject']

const SUBJECT_FORMS =
  'default (each caller by itself), everybody (all callers together), address:10.0.0.1, context:lab, context:lab@10.0.0.1 or token:tok-3kq9'

export function limitsCommand(cli: Cli): Command {
  return describeCommand('limits', 'Show or change what callers may do and spend', [
    'hero_aibroker limits',
    'hero_aibroker limits set context:lab --usd-per-day 5 --local-only',
    'hero_aibroker limits left --context lab',
  ])
    .action((_options: unknown, command: Command) =>
      printResult(cli, command, (client) => client.call('limits.list'), printRules),
    )
    .addCommand(setCommand(cli))
    .addCommand(removeCommand(cli))
    .addCommand(leftCommand(cli))
}

function setCommand(cli: Cli): Command {
  const command = describeCommand('set', 'Set the limits of a subject; they replace the ones that it had', [
    'hero_aibroker limits set default --requests-per-minute 60',
    'hero_aibroker limits set address:10.0.0.7 --usd-per-month 20',
  ]).argument('<subject>', SUBJECT_FORMS, parseSubject)
  return withRuleOptions(command).action(async (subject: Subject, _options: unknown, itself: Command) => {
    const globals = globalsOf(itself)
    const rule = ruleOf(itself)
    if (rule === undefined)
      throw new BrokerError(
        'bad-request',
        'no limit given; use one such as --usd-per-month 5; --help lists them all',
      )
    const stored = await clientOf(cli, globals).call('limits.set', { subject, rule })
    if (globals.json) return printJson(cli.terminal, stored)
    print(cli.terminal, `${formatSubject(stored.subject)}: ${formatRule(stored.rule)}`)
  })
}

function removeCommand(cli: Cli): Command {
  return describeCommand('remove', 'Remove the limits of a subject', [
    'hero_aibroker limits remove context:lab',
  ])
    .argument('<subject>', SUBJECT_FORMS, parseSubject)
    .action(async (subject: Subject, _options: unknown, command: Command) => {
      const globals = globalsOf(command)
      const result = await clientOf(cli, globals).call('limits.remove', { subject })
      if (globals.json) return printJson(cli.terminal, result)
      print(cli.terminal, result.removed ? `${formatSubject(subject)}: no limit` : 'it had no limit')
    })
}

type BudgetQuery = Params<'limits.standing'>

function leftCommand(cli: Cli): Command {
  return describeCommand('left', 'Show the budgets that apply to a caller and what is left of them', [
    'hero_aibroker limits left',
    'hero_aibroker limits left --token tok-3kq9',
  ])
    .option('--address <ip>', 'of this address (default: yours)')
    .option('--context <name>', 'of this context')
    .option('--token <id>', 'of this token')
    .action(async (_options: unknown, command: Command) => {
      const { address, context, token, ...globals } = command.optsWithGlobals<Globals & BudgetQuery>()
      const budgets = await clientOf(cli, globals).call('limits.standing', { address, context, token })
      if (globals.json) return printJson(cli.terminal, budgets)
      printBudgets(cli.terminal, budgets)
    })
}

function printRules(terminal: Terminal, rules: Result<'limits.list'>): void {
  if (rules.length === 0) return print(terminal, 'No limits are set: every caller may use everything.')
  const rows = rules.map(({ subject, rule }) => [formatSubject(subject), formatRule(rule)])
  printTable(terminal, [{ title: 'SUBJECT' }, { title: 'LIMITS', shrinks: true }], rows)
}

function printBudgets(terminal: Terminal, budgets: Result<'limits.standing'>): void {
  if (budgets.length === 0) return print(terminal, 'No budget applies to this caller.')
  const columns = [
    { title: 'SUBJECT', shrinks: true },
    { title: 'PER' },
    { title: 'BUDGET', align: 'right' },
    { title: 'SPENT', align: 'right' },
    { title: 'HELD', align: 'right' },
    { title: 'LEFT', align: 'right' },
  ] as const
  const rows = budgets.map((one) => [
    one.name,
    one.period,
    ...[one.budget_usd, one.spent_usd, one.held_usd, one.left_usd].map(formatUsd),
  ])
  printTable(terminal, columns, rows)
}

function parseSubject(text: string): Subject {
  if (text === 'default' || text === 'everybody') return { scope: text }
  const [, scope, name = ''] = /^(address|context|token):(.+)$/.exec(text) ?? []
  if (scope === 'address') return { scope, address: name }
  if (scope === 'token') return { scope, token: name }
  if (scope === 'context') {
    const [context = '', address] = name.split('@')
    return { scope, context, ...(address === undefined ? {} : { address }) }
  }
  throw new InvalidArgumentError(`Use ${SUBJECT_FORMS}.`)
}

function formatSubject(subject: Subject): string {
  if (subject.scope === 'address') return `address:${subject.address}`
  if (subject.scope === 'token') return `token:${subject.token}`
  if (subject.scope !== 'context') return subject.scope
  return `context:${subject.context}${subject.address === undefined ? '' : `@${subject.address}`}`
}
