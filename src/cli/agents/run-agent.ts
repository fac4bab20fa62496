import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'

import { BrokerError } from '../../base/errors.ts'
import type { Agent, AgentRun } from './agents.ts'
import { openBridge } from './loopback-bridge.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface AgentStart extends Omit<AgentRun, 'baseUrl' | 'folder'> {
  readonly agent: Agent
  /** The caller's own arguments. */
  readonly args: readonly string[]
  readonly environment: Environment
}

/** Runs an agent on this terminal and returns its exit code, or 128 plus the number of the signal that ended it. */
export async function runAgent({ agent, args, environment, ...facts }: AgentStart): Promise<number> {
  await using bridge = await openBridge(facts.socketPath, facts.token)
  const folder = await createFolder(environment)
  try {
    const run = { ...facts, baseUrl: bridge.url, folder }
    const files = Object.entries(agent.files?.(run) ?? {})
    for (const [name, content] of files)
      await writeFile(join(folder, name), JSON.stringify(content), { mode: 0o600 })
    const env = environmentOf(agent, run, environment)
    const setup = agent.setup?.(run)
    if (setup !== undefined) await setUp(agent, setup, env)
    return await start(agent, [...(agent.arguments?.(run) ?? []), ...args], env)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** In the caller's cache: Gemini CLI reads no settings below a folder that others may write to, as the one for all temporary files. */
async function createFolder({ XDG_CACHE_HOME: cache, HOME: home = '' }: Environment): Promise<string> {
  const own = join(cache ?? join(home, '.cache'), 'hero_aibroker')
  const base = await mkdir(own, { recursive: true, mode: 0o700 }).then(
    () => own,
    () => tmpdir(),
  )
  return mkdtemp(join(base, 'run-'))
}

/** Tokens that allow more than this run does. */
const OWN_TOKENS = ['AIBROKER_TOKEN', 'ADMIN_TOKEN']

function environmentOf(agent: Agent, run: AgentRun, environment: Environment): Environment {
  const hidden = new Set([...OWN_TOKENS, ...(agent.unset ?? [])])
  const kept = Object.entries(environment).filter(([name]) => !hidden.has(name))
  return { ...Object.fromEntries(kept), ...agent.environment(run) }
}

async function setUp(agent: Agent, args: readonly string[], env: Environment): Promise<void> {
  const exit = await start(agent, args, env)
  if (exit !== 0)
    throw new BrokerError(
      'internal',
      `“${agent.program} ${args[0] ?? ''}” ended with ${exit}; its output says why`,
    )
}

async function start(
  { name, program, install }: Agent,
  args: readonly string[],
  env: Environment,
): Promise<number> {
  // Ctrl-C is for the agent, which gets it from the terminal.
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  try {
    const child = spawn(program, args, { stdio: 'inherit', env })
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? 128 + constants.signals[signal ?? 'SIGTERM']
  } catch (cause) {
    throw new BrokerError(
      'not-found',
      `${name} is not installed: ${program} is not on the path; ${install}`,
      { cause },
    )
  } finally {
    process.off('SIGINT', ignore)
  }
}
