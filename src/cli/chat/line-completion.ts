import { readdir } from 'node:fs/promises'

import type { Client } from '../../sdk/index.ts'
import { SLASH_COMMANDS } from './slash-commands.ts'

/** The candidates for the end of a line, and the end that they replace. */
export type Completion = readonly [hits: string[], end: string]

export type Complete = (line: string) => Promise<Completion>

/** Completes slash commands, names of models and tools, and paths. A failed look-up completes nothing. */
export function createCompletion(client: Client): Complete {
  const completers: Readonly<Record<string, (end: string) => Promise<readonly string[]>>> = {
    '/model': async () => (await client.call('models.list', { available: true })).map(({ id }) => id),
    '/tools': async () => (await client.call('mcp.list_tools', {})).tools.map(({ name }) => name),
    '/file': filesBeside,
    '/save': filesBeside,
  }
  return async (line) => {
    const [, word = '', end] = /^(\/\S*)(?:\s+(?:.*[\s,])?(\S*))?$/.exec(line) ?? []
    if (end === undefined) return [startingWith(line, SLASH_COMMANDS), line]
    const names = (await completers[word]?.(end).catch(() => [])) ?? []
    return [startingWith(end, names), end]
  }
}

function startingWith(start: string, all: readonly string[]): string[] {
  return start === '' && all === SLASH_COMMANDS ? [] : all.filter((one) => one.startsWith(start))
}

/** The files of the folder that a path names so far; folders end in `/`, so that completion can continue inside. */
async function filesBeside(path: string): Promise<readonly string[]> {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const entries = await readdir(folder === '' ? '.' : folder, { withFileTypes: true })
  return entries.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
}
