// Where keys and other secrets come from: their order, what is shown of them, and what a bad source does.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig, type Config } from '../../src/config/config.ts'
import { tempFolder } from '../support/temp-folder.ts'

const SOURCES = ['environment', 'credentials', 'secrets-file', 'file-variable', 'keys-command'] as const

type Source = (typeof SOURCES)[number]

/** A host on which `OPENAI_API_KEY` is in each of the named sources, each with a value that names it. */
function host(sources: readonly Source[]) {
  const home = tempFolder()
  const write = (path: string, text: string, mode = 0o600): string => {
    writeFileSync(path, text, { mode })
    return path
  }
  const credentials = join(home.path, 'credentials')
  const data = join(home.path, 'hero', 'var', 'hero_aibroker')
  for (const folder of [credentials, data]) mkdirSync(folder, { recursive: true })
  const output = join(home.path, 'output')
  const has = (source: Source): boolean => sources.includes(source)
  if (has('credentials')) write(join(credentials, 'OPENAI_API_KEY'), 'of-credentials\n')
  if (has('secrets-file')) write(join(data, '.env'), 'OPENAI_API_KEY=of-secrets-file\n')
  if (has('keys-command')) write(output, 'OPENAI_API_KEY=of-keys-command\n')
  const env: Record<string, string> = {
    HOME: home.path,
    PATH: process.env['PATH'] ?? '',
    CREDENTIALS_DIRECTORY: credentials,
  }
  if (has('environment')) env['OPENAI_API_KEY'] = 'of-environment'
  if (has('file-variable'))
    env['OPENAI_API_KEY_FILE'] = write(join(home.path, 'key'), 'of-file-variable\n', 0o444)
  if (has('keys-command')) env['AIBROKER_KEYS_COMMAND'] = `cat ${output}`
  const load = (more: Record<string, string> = {}) => loadConfig({ env: { ...env, ...more }, cwd: home.path })
  return { folder: home.path, output, load, write, [Symbol.dispose]: () => home[Symbol.dispose]() }
}

const keyOf = (config: Config): string | undefined => config.keysOf('openai')[0]?.reveal()
const shown = (config: Config) => config.effective.find(({ name }) => name === 'openai_api_key')

test.each(SOURCES.map((source, index) => [source, SOURCES.slice(index)] as const))(
  'of the sources that have a key, %s comes before those after it, and config names it and not the key',
  (source, present) => {
    using own = host(present)
    const config = own.load()
    expect(keyOf(config)).toBe(`of-${source}`)
    const variable = source === 'file-variable' ? 'OPENAI_API_KEY_FILE' : 'OPENAI_API_KEY'
    expect(shown(config)).toEqual({ name: 'openai_api_key', value: '***', source, variable })
    expect(JSON.stringify(config.effective)).not.toContain(`of-${source}`)
  },
)

test('the admin token may come from a file that a variable names', () => {
  using own = host([])
  const config = own.load({ ADMIN_TOKEN_FILE: own.write(join(own.folder, 'token'), 'secret\n') })
  expect(config.adminToken?.reveal()).toBe('secret')
  expect(config.effective.find(({ name }) => name === 'admin_token')).toMatchObject({
    value: '***',
    source: 'file-variable',
    variable: 'ADMIN_TOKEN_FILE',
  })
})

test('a file that a variable names and that is not there is an error with its variable and path', () => {
  using own = host([])
  expect(() => own.load({ OPENAI_API_KEY_FILE: '/no/such/key' })).toThrow(
    /OPENAI_API_KEY_FILE names \/no\/such\/key, which can’t be read/,
  )
})

test('a keys command that fails is an error without its output', () => {
  using own = host([])
  const failing = () => own.load({ AIBROKER_KEYS_COMMAND: 'echo OPENAI_API_KEY=shown; exit 3' })
  expect(failing).toThrow('AIBROKER_KEYS_COMMAND failed (exit code 3)')
  expect(failing).not.toThrow('shown')
})

test('a keys command that runs again gives other keys once they are read again; one that fails keeps the old ones', async () => {
  using own = host(['keys-command'])
  const config = own.load()
  own.write(own.output, 'OPENAI_API_KEY=second\n')
  const fromKeysCommand = await config.runKeysCommand()
  expect(keyOf(config)).toBe('of-keys-command')
  config.rereadKeys({ fromKeysCommand })
  expect(keyOf(config)).toBe('second')
  expect(config.keysCommandOutput()).toEqual({ OPENAI_API_KEY: 'second' })
  own.write(own.output, '')
  const nothing = await config.runKeysCommand()
  expect(() => config.rereadKeys({ fromKeysCommand: nothing })).toThrow('has 0 of 1 variables')
  expect(keyOf(config)).toBe('second')
})
