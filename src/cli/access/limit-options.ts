import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'

import type { Params } from '../../sdk/index.ts'
import { formatUsd } from '../terminal/format.ts'

export type Rule = Params<'limits.set'>['rule']

/** One option per field of a rule, named as in the RPC contract. */
const OPTIONS: readonly Option[] = [
  new Option('--requests-per-minute <count>', 'maximum requests in any minute').argParser(parseCount),
  new Option('--tokens-per-minute <count>', 'maximum tokens in any minute').argParser(parseCount),
  new Option('--concurrent <count>', 'maximum concurrent requests').argParser(parseCount),
  new Option('--usd-per-hour <amount>', 'budget per hour, in US dollars').argParser(parseUsdAmount),
  new Option('--usd-per-day <amount>', 'budget per day (UTC)').argParser(parseUsdAmount),
  new Option('--usd-per-month <amount>', 'budget per month (UTC)').argParser(parseUsdAmount),
  new Option('--usd-total <amount>', 'budget in total, without a period').argParser(parseUsdAmount),
  new Option('--models <names...>', 'only these models; “openai/*” is every model of an author'),
  new Option('--providers <names...>', 'only these providers'),
  new Option('--local-only', 'only providers that run on this host'),
  new Option('--regions <countries...>', 'only providers of companies there, such as DE FR'),
  new Option('--forbid-training', 'only providers known not to train on prompts'),
  new Option('--forbid-retention', 'only providers known to keep nothing'),
  new Option('--max-hops <count>', 'how many brokers above a request may pass; 0 for none').argParser(
    parseHops,
  ),
  new Option('--allow-unpriced', 'also models of unknown price, although there is a budget'),
  new Option('--hedge', 'allow a second provider when the first is slow to begin; both may charge'),
  new Option('--no-hedge', 'never a second provider, whatever the model’s settings say'),
]

/** Adds the options of a rule to a command. */
export function withRuleOptions(command: Command): Command {
  for (const option of OPTIONS) command.addOption(option)
  return command
}

/** The rule that a command's options state, where `--forbid-…` is the field `no_…`; `undefined` when they state none. */
export function ruleOf(command: Command): Rule | undefined {
  const options = command.opts<Record<string, unknown>>()
  const fields = OPTIONS.flatMap((option) => {
    const value = options[option.attributeName()]
    const name = option
      .name()
      .replace(/^forbid-/, 'no-')
      .replaceAll('-', '_')
    return value === undefined || option.negate ? [] : [[name, value] as const]
  })
  return fields.length === 0 ? undefined : (Object.fromEntries(fields) as Rule)
}

/** A rule in one line: `$5.00 a month, 60 requests a minute`. */
export function formatRule(rule: Rule): string {
  const parts = [
    formatBudget(rule.usd_per_hour, 'an hour'),
    formatBudget(rule.usd_per_day, 'a day'),
    formatBudget(rule.usd_per_month, 'a month'),
    formatBudget(rule.usd_total, 'in all'),
    formatLimit(rule.requests_per_minute, 'requests a minute'),
    formatLimit(rule.tokens_per_minute, 'tokens a minute'),
    formatLimit(rule.concurrent, 'at once'),
    rule.models && `only ${rule.models.join(' ')}`,
    rule.providers && `only from ${rule.providers.join(' ')}`,
    rule.local_only === true ? 'only on this host' : undefined,
    rule.regions && `only in ${rule.regions.join(' ')}`,
    rule.no_training === true ? 'no training' : undefined,
    rule.no_retention === true ? 'no retention' : undefined,
    rule.max_hops === undefined ? undefined : `at most ${rule.max_hops} brokers above`,
    rule.allow_unpriced === true ? 'unpriced too' : undefined,
    rule.hedge === undefined ? undefined : rule.hedge ? 'hedged' : 'never hedged',
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}

function formatBudget(usd: string | undefined, period: string): string | undefined {
  return usd === undefined ? undefined : `${formatUsd(usd)} ${period}`
}

function formatLimit(count: number | undefined, what: string): string | undefined {
  return count === undefined ? undefined : `${count} ${what}`
}

/** A count that may be 0. */
export function parseHops(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError('Use a whole number, such as 1.')
  return Number(text)
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new InvalidArgumentError('Use a whole number above zero, such as 60.')
  return Number(text)
}

/** Parses an amount of US dollars, with or without `$`, into a decimal string. */
export function parseUsdAmount(text: string): string {
  const plain = text.replace(/^\$/, '')
  if (!/^\d{1,12}(\.\d{1,9})?$/.test(plain))
    throw new InvalidArgumentError('Use US dollars, such as 5 or 0.25.')
  return plain
}
