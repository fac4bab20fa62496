import { resolve } from 'node:path'
import { z } from 'zod'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { type Money, parseUsd } from '../../base/money.ts'
import { isPlaceholder, truncate } from '../../base/text.ts'
import { parseJsonWithComments, ServersTwice, withOurFields, withServersInPlace } from './file-habits.ts'
import { ACTS_FOR_CALLERS, ownProgramAt } from './own-programs.ts'
import { isServerName, MAX_SERVER_NAME_LENGTH } from './tool-names.ts'
import { parseServerUrl } from './server-url.ts'

/** How a server is reached: a program that the broker starts, or a URL (`http(s):`, `http+unix:`) of a running server. */
export type ServerAddress =
  | {
      readonly type: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      /** The environment of the program, in addition to a short list of harmless variables. */
      readonly env: Readonly<Record<string, string>>
      readonly cwd: string | undefined
    }
  | {
      readonly type: 'http' | 'sse'
      readonly url: URL
      readonly socketPath: string | undefined
      readonly headers: Readonly<Record<string, string>>
    }

export interface ServerConfig {
  readonly name: string
  readonly address: ServerAddress
  readonly disabled: boolean
  /** Whether names are listed as `server__name`. Off only for a single server. */
  readonly prefix: boolean
  /** The family of protocol revisions: with sessions (`legacy`), without (`modern`), or negotiated with the server (`auto`). */
  readonly era: 'auto' | 'legacy' | 'modern'
  /** Uses one connection for all callers even where the protocol has sessions; for servers known to be stateless. */
  readonly shared: boolean
  /** Which tool definitions wait for approval: changes after the first load (`drift`), all, or none (`off`). */
  readonly review: 'drift' | 'all' | 'off'
  /** Patterns over the server's own tool names; `*` matches any text. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  /** Price of one call by tool name, `*` for the rest. */
  readonly prices: ReadonlyMap<string, Money>
  readonly startTimeoutMs: number
  /** The idle timeout of a call; a progress notification resets it. */
  readonly callTimeoutMs: number
  readonly maxCallMs: number
  readonly idleMs: number
  readonly maxConcurrentCalls: number
  readonly maxConnections: number
  readonly maxResultBytes: number
  /** Whether the server learns who calls its tools, to act in the caller's name. Only programs of this package may. */
  readonly forwardCaller: boolean
}

/** What matching callers may do. The first policy that matches a caller applies. */
export interface PolicyConfig {
  readonly ips: readonly string[] | undefined
  readonly contexts: readonly string[] | undefined
  readonly tokens: readonly string[] | undefined
  /** Patterns over `server__tool`; for resources over `server__uri`. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  readonly callsPerMinute: number | undefined
  readonly maxConcurrentCalls: number | undefined
  /** Patterns over `server__tool`: the tools that chats of these callers get without naming any. */
  readonly chatTools?: readonly string[] | undefined
}

/** Limits of a chat whose tools the broker runs. */
export interface ChatLimits {
  /** The maximum number of model calls; in the last one the model may call no tools. */
  readonly maxRounds: number
  readonly maxMs: number
  /** The limit for all rounds and calls together; once it is spent, no new round or call starts. */
  readonly maxCost: Money
  /** With more tools than this, the model gets a search tool instead of all schemas. */
  readonly searchAbove: number
  /** The maximum length of one result as the model sees it. */
  readonly maxResultCharacters: number
}

/** An entry of the file that can't be used, and why. A policy or the limits of chats are `*`. */
export interface EntryProblem {
  readonly server: string
  readonly reason: string
}

export interface McpConfig {
  readonly servers: readonly ServerConfig[]
  readonly policies: readonly PolicyConfig[]
  readonly chat: ChatLimits
  /** The entries that are left out. */
  readonly problems: readonly EntryProblem[]
}

const patterns = z.array(z.string().min(1))
const milliseconds = z.number().int().positive().max(86_400_000)
const price = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    try {
      return parseUsd(value)
    } catch (cause) {
      context.addIssue({ code: 'custom', message: cause instanceof Error ? cause.message : 'not an amount' })
      return z.NEVER
    }
  })
  .refine((amount) => amount >= 0n, 'a price is not negative')

const serverShape = z.strictObject({
  type: z.enum(['stdio', 'http', 'streamable-http', 'streamableHttp', 'sse']).optional(),
  command: z.string().min(1).optional(),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  cwd: z.string().optional(),
  url: z.string().optional(),
  headers: z.record(z.string(), z.string()).default({}),
  disabled: z.boolean().default(false),
  prefix: z.boolean().default(true),
  era: z.enum(['auto', 'legacy', 'modern']).default('auto'),
  shared: z.boolean().default(false),
  review: z.enum(['drift', 'all', 'off']).default('drift'),
  allow: patterns.default(['*']),
  deny: patterns.default([]),
  prices: z.record(z.string(), price).default({}),
  startTimeoutMs: milliseconds.default(30_000),
  callTimeoutMs: milliseconds.default(60_000),
  maxCallMs: milliseconds.default(600_000),
  idleMs: milliseconds.default(300_000),
  maxConcurrentCalls: z.number().int().positive().default(16),
  maxConnections: z.number().int().positive().default(32),
  maxResultBytes: z
    .number()
    .int()
    .min(1024)
    .default(4 * 1024 * 1024),
  forwardCaller: z.boolean().optional(),
})
/** The map form is that of other hosts, whose files contain fields of their own; these are ignored. */
const foreignServer = z.object(serverShape.shape)

const policyShape = z.strictObject({
  ips: z.array(z.string()).optional(),
  contexts: z.array(z.string()).optional(),
  tokens: z.array(z.string()).optional(),
  allow: patterns.default(['*']),
  deny: patterns.default([]),
  callsPerMinute: z.number().int().positive().optional(),
  maxConcurrentCalls: z.number().int().positive().optional(),
  chatTools: patterns.default([]),
})

const chatShape = z.strictObject({
  maxRounds: z.number().int().positive().max(100).default(10),
  maxMs: milliseconds.default(300_000),
  maxCost: price.default(parseUsd('1')),
  searchAbove: z.number().int().nonnegative().default(40),
  maxResultCharacters: z.number().int().min(256).default(65_536),
})

/** The configuration without a file. */
export const NO_SERVERS: McpConfig = { servers: [], policies: [], chat: chatShape.parse({}), problems: [] }

const MAX_PROBLEMS = 50
/** Each server is a process or connections, and each policy is looked at for each call. */
const MAX_SERVERS = 200
const MAX_POLICIES = 1000

/** Stands for a policy that can't be read: it may have been meant for any caller, so no caller that reaches it gets a tool. */
const CLOSED_POLICY: PolicyConfig = {
  ips: undefined,
  contexts: undefined,
  tokens: undefined,
  allow: [],
  deny: ['*'],
  callsPerMinute: undefined,
  maxConcurrentCalls: undefined,
}

/** Each entry is read by itself, so that one that can't be used does not take the others with it. */
const fileShape = z.object(
  {
    mcpServers: z.union(
      [z.array(z.unknown()), z.record(z.string(), z.unknown())],
      'a list of servers with names, or a map from name to server',
    ),
    policies: z.unknown().optional(),
    chat: z.unknown().optional(),
  },
  'should be an object with “mcpServers”',
)

type ServerInput = z.output<typeof foreignServer>

interface EntryContext {
  readonly file: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** An entry with its place in the file. */
interface Entry {
  readonly name: string | undefined
  readonly path: string
  readonly value: unknown
  readonly shape: z.ZodType<ServerInput>
}

/**
 * Reads a configuration of MCP servers in the list form (`[{ name, command, … }]`) or the common map form. `${NAME}`
 * in commands, arguments, variables, headers and URLs is taken from `environment`. An entry that can't be used is left out
 * and named in `problems`. Throws `bad-request` naming the file only when the file as a whole is no such configuration.
 */
export function parseMcpConfig(text: string, context: EntryContext): McpConfig {
  const { file } = context
  const content = parseJson(text, file)
  const { mcpServers: given } = (content ?? {}) as { mcpServers?: unknown }
  if (given instanceof ServersTwice) throw configError(file, given.message)
  const parsed = fileShape.safeParse(content, { reportInput: false })
  if (!parsed.success) throw configError(file, deepestIssue('', parsed.error))
  const problems: EntryProblem[] = []
  const addProblem = (server: string, problem: string): void => {
    problems.push({ server: printable(server), reason: `${file}: ${problem}` })
  }
  const servers: ServerConfig[] = []
  const taken = new Set<string>()
  // As it was parsed: the schema drops an entry named __proto__ without a word.
  const entries = entriesOf(given as Parameters<typeof entriesOf>[0])
  for (const [nth, entry] of entries.entries()) {
    if (servers.length === MAX_SERVERS) {
      addProblem('*', tooManyServers(entries.slice(nth)))
      break
    }
    const server = readEntry(entry, taken, context)
    if (typeof server === 'string') addProblem(entry.name ?? entry.path, server)
    else servers.push(server)
  }
  const onSectionProblem = (problem: string): void => addProblem('*', problem)
  return {
    servers,
    policies: readPolicies(parsed.data.policies, onSectionProblem),
    chat: readChatLimits(parsed.data.chat, onSectionProblem),
    problems: shortened(problems, file),
  }
}

function tooManyServers(leftOut: readonly Entry[]): string {
  const [first, last] = [leftOut[0], leftOut.at(-1)].map((entry) =>
    printable(entry?.name ?? entry?.path ?? ''),
  )
  return `mcpServers: ${MAX_SERVERS} entries are the maximum; ${leftOut.length} are left out, from “${first}” to “${last}”`
}

function shortened(problems: readonly EntryProblem[], file: string): readonly EntryProblem[] {
  const more = problems.length - MAX_PROBLEMS
  if (more <= 0) return problems
  const rest = { server: '*', reason: `${file}: ${more} more problems are not listed` }
  return [...problems.slice(0, MAX_PROBLEMS), rest]
}

function entriesOf(servers: readonly unknown[] | Readonly<Record<string, unknown>>): readonly Entry[] {
  if (!Array.isArray(servers))
    return Object.entries(servers).map(([name, value]) => ({
      name,
      path: `mcpServers.${printable(name)}`,
      value,
      shape: foreignServer,
    }))
  return servers.map((value: unknown, index) => {
    const { name, ...rest } = typeof value === 'object' && value !== null ? (value as { name?: unknown }) : {}
    return {
      name: typeof name === 'string' ? name : undefined,
      path: `mcpServers[${index}]`,
      value: typeof value === 'object' && value !== null ? rest : value,
      shape: serverShape,
    }
  })
}

/** The server of an entry, or what is wrong with it. */
function readEntry(
  { name, path, value, shape }: Entry,
  taken: Set<string>,
  context: EntryContext,
): ServerConfig | string {
  if (name === undefined) return `${path}.name: is missing`
  if (!isServerName(name))
    return `${path}: “${printable(name)}” is no server name; use at most 24 letters and digits, words joined by one _ or -${suggestion(name)}`
  // Case alone must not tell two servers apart: names of tools are read by people and models.
  if (taken.has(name.toLowerCase())) return `${path}: there are two servers named “${name}”`
  const fail = (problem: string): BrokerError => new BrokerError('bad-request', `${path}.${problem}`)
  let parsed
  try {
    parsed = shape.safeParse(withOurFields(value, fail), { reportInput: false })
  } catch (error) {
    return asBrokerError(error).message
  }
  if (!parsed.success) return deepestIssue(path, parsed.error)
  try {
    const server = serverConfig(name, parsed.data, fail, context)
    taken.add(name.toLowerCase())
    return server
  } catch (error) {
    return asBrokerError(error).message
  }
}

/** A name of the same words that would be accepted. */
function suggestion(name: string): string {
  const words = name.match(/[A-Za-z0-9]+/g) ?? []
  while (words.length > 1 && words.join('-').length > MAX_SERVER_NAME_LENGTH) words.shift()
  const joined = words.join('-')
  return isServerName(joined) ? `, such as “${joined}”` : ''
}

function readPolicies(value: unknown, onProblem: (problem: string) => void): readonly PolicyConfig[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    onProblem('policies: should be a list; until it is one, no caller gets tools')
    return [CLOSED_POLICY]
  }
  const policies = value.slice(0, MAX_POLICIES).map((item: unknown, index) => {
    const parsed = policyShape.safeParse(item, { reportInput: false })
    if (!parsed.success) {
      onProblem(
        `${deepestIssue(`policies[${index}]`, parsed.error)}; until it is corrected, callers that no policy above it matches get no tools`,
      )
      return CLOSED_POLICY
    }
    const { ips, contexts, tokens, callsPerMinute, maxConcurrentCalls, ...rest } = parsed.data
    return { ...rest, ips, contexts, tokens, callsPerMinute, maxConcurrentCalls }
  })
  if (value.length <= MAX_POLICIES) return policies
  onProblem(
    `policies: ${MAX_POLICIES} are the maximum; ${value.length - MAX_POLICIES} are left out, and callers that none of the first matches get no tools`,
  )
  return [...policies, CLOSED_POLICY]
}

function readChatLimits(value: unknown, onProblem: (problem: string) => void): ChatLimits {
  const parsed = chatShape.safeParse(value ?? {}, { reportInput: false })
  if (parsed.success) return parsed.data
  onProblem(`${deepestIssue('chat', parsed.error)}; until it is corrected, the default limits apply`)
  return NO_SERVERS.chat
}

/** For messages: short, and without characters that a terminal obeys. */
function printable(name: string): string {
  return truncate(name.replaceAll(/\p{C}/gu, ''))
}

function serverConfig(
  name: string,
  input: ServerInput,
  fail: (problem: string) => BrokerError,
  from: EntryContext,
): ServerConfig {
  const { type, command, args, env, cwd, url, headers, prices, forwardCaller, ...rest } = input
  const expand = (path: string, value: string): string =>
    expandVariables(value, from.environment, {
      missing: (name) => fail(`${path}: the variable ${name} is not set`),
      foreign: (text) =>
        fail(`${path}: ${truncate(text)} means nothing here; write \${NAME} for a variable of the broker`),
    })
  const expandCredentials = (
    path: string,
    values: Readonly<Record<string, string>>,
  ): Record<string, string> => {
    const expanded = expandAll(path, values)
    const placeholder = Object.keys(expanded).find((key) => isCredentialMissing(key, expanded[key] ?? ''))
    if (placeholder === undefined) return expanded
    throw fail(
      `${path}.${placeholder}: is a placeholder, not a credential; write the credential, or \${NAME}`,
    )
  }
  const expandAll = (path: string, values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, expand(`${path}.${key}`, value)]))
  const address = (): ServerAddress => {
    if ((command === undefined) === (url === undefined)) throw fail('command: give either a command or a url')
    if (command !== undefined) {
      return {
        type: 'stdio',
        command: expand('command', command),
        args: args.map((value, index) => expand(`args[${index}]`, value)),
        env: expandCredentials('env', env),
        cwd: cwd === undefined ? undefined : resolve(from.file, '..', cwd),
      }
    }
    const parsed = parseServerUrl(expand('url', url ?? ''))
    if (parsed === undefined) throw fail('url: not an http(s), http+unix or unix URL')
    return {
      type: type === 'sse' ? 'sse' : 'http',
      ...parsed,
      headers: expandCredentials('headers', headers),
    }
  }
  // A disabled server may refer to variables that are not set yet.
  const disabledAddress: ServerAddress = {
    type: 'stdio',
    command: command ?? '',
    args: [],
    env: {},
    cwd: undefined,
  }
  const reached = rest.disabled ? disabledAddress : address()
  const ownProgram = rest.disabled ? undefined : ownProgramAt(reached, from.environment)
  if (forwardCaller === true && !rest.disabled && ownProgram === undefined)
    throw fail('forwardCaller: only a program of this package, started by the broker, may learn its callers')
  return {
    name,
    ...rest,
    prices: new Map(Object.entries(prices)),
    address: reached,
    forwardCaller: ownProgram !== undefined && (forwardCaller ?? ACTS_FOR_CALLERS.has(ownProgram)),
  }
}

/** `${NAME}`, `${env:NAME}` or `${NAME:-default}`, as hosts of MCP servers write it. */
const VARIABLE = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g
/** What other hosts replace and this one does not, such as `${input:key}`. */
const FOREIGN_VARIABLE = /\$\{[A-Za-z][^}]*\}/

/** Whether a header, or a variable for a key, holds what stands for a credential in an example. */
function isCredentialMissing(name: string, value: string): boolean {
  const credential = value.trim().replace(/^(bearer|basic|token)\s+/i, '')
  if (isPlaceholder(credential)) return true
  return /key|token|secret|password|authorization/i.test(name) && credential.split(/\s+/).some(isPlaceholder)
}

interface VariableErrors {
  /** For a variable without value and default. */
  readonly missing: (name: string) => Error
  /** For a placeholder of another host. */
  readonly foreign: (text: string) => Error
}

/** Replaces the variables in `text`. Throws one of the errors. */
function expandVariables(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  { missing, foreign }: VariableErrors,
): string {
  const unknown = FOREIGN_VARIABLE.exec(text.replace(VARIABLE, ''))?.[0]
  if (unknown !== undefined) throw foreign(unknown)
  return text.replace(VARIABLE, (_whole, name: string, fallback: string | undefined) => {
    const value = environment[name] ?? fallback
    if (value === undefined) throw missing(name)
    return value
  })
}

function parseJson(text: string, file: string): unknown {
  try {
    return withServersInPlace(parseJsonWithComments(text))
  } catch (cause) {
    throw configError(file, cause instanceof Error ? cause.message : 'not JSON')
  }
}

/** The issue with the deepest path below `at`: in a union, the branch that parsed furthest is the one that was meant. */
function deepestIssue(at: string, error: z.ZodError): string {
  let issue = error.issues[0]
  let path: PropertyKey[] = [...(issue?.path ?? [])]
  while (issue?.code === 'invalid_union') {
    const branches = issue.errors.flatMap((branch) => branch.slice(0, 1))
    const deepest = branches.sort((a, b) => b.path.length - a.path.length)[0]
    if (deepest === undefined || deepest.path.length === 0) break
    issue = deepest
    path = [...path, ...deepest.path]
  }
  const where = `${at}${path.map(pathPart).join('')}`.replace(/^\./, '')
  return `${where === '' ? '' : `${where}: `}${issue?.message ?? 'not understood'}`
}

function pathPart(part: PropertyKey): string {
  return typeof part === 'number' ? `[${part}]` : `.${String(part)}`
}

function configError(file: string, problem: string): BrokerError {
  return new BrokerError('bad-request', `${file}: ${problem}`)
}
