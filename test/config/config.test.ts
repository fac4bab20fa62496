import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { loadConfig } from '../../src/config/config.ts'
import type { Flags } from '../../src/config/config.ts'
import { readModelsFile } from '../../src/catalog/models-file/models-file.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cfg-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const load = (env: Record<string, string> = {}, argv: Flags = {}) =>
  loadConfig({ env: { HOME: home, ...env }, cwd: home, argv })
const keysOf = (env: Record<string, string>, name: string, keyEnv?: string) =>
  load(env)
    .keysOf(name, keyEnv)
    .map((key) => key.reveal())

test('an empty environment gets Hero’s default folders and the default settings', () => {
  const config = load()
  expect(config).toMatchObject({
    socketDir: join(home, 'hero/var/sockets'),
    dataDir: join(home, 'hero/var/hero_aibroker'),
    heroDbSocket: join(home, 'hero/var/sockets/hero_db/rpc.sock'),
    mcpConfigPath: undefined,
    routingStrategy: 'cheapest',
    listen: undefined,
    isMother: false,
    settings: { kind: 'sqlite' },
    tls: undefined,
    maxHops: 4,
    cascadeRetries: 3,
    detectsLocalServers: true,
    bodyLimitBytes: 64 * 1024 * 1024,
    drainTimeoutMs: 30_000,
    logLevel: 'info',
    httpClient: 'lean',
    adminToken: undefined,
  })
  expect(config.keysOf('openai')).toEqual([])
  expect(Object.isFrozen(config)).toBe(true)
})

test('the ports of local model servers are not probed when AIBROKER_DETECT is off', () => {
  expect(load({ AIBROKER_DETECT: 'off' }).detectsLocalServers).toBe(false)
})

test.each([
  [{ HERO_SOCKET_DIR: '/s/old' }, '/s/old'],
  [{ HERO_SOCKET_DIR: '/s/old', PATH_SOCKET: '/s/newer' }, '/s/newer'],
  [{ HERO_SOCKET_DIR: '/s/old', PATH_SOCKET: '/s/newer', PATH_SOCKETS: '/s/newest' }, '/s/newest'],
  [{ PATH_VAR: '/v', HERO_SOCKET_DIR: '/s/old' }, '/s/old'],
  [{ PATH_VAR: '/v', PATH_ROOT: '/r' }, '/v/sockets'],
  [{ PATH_ROOT: '/r' }, '/r/var/sockets'],
  [{ PATH_SOCKETS: '', HERO_SOCKET_DIR: ' /s/old ' }, '/s/old'],
])('the socket folder of %j is %s', (env, expected) => {
  expect(load(env).socketDir).toBe(expected)
})

test.each([
  [{ PATH_VAR: '/v', PATH_ROOT: '/r' }, '/v/hero_aibroker'],
  [{ PATH_ROOT: '/r' }, '/r/var/hero_aibroker'],
  [{ PATH_VAR: '/v', AIBROKER_DATA_DIR: '/d' }, '/d'],
])('the data folder of %j is %s', (env, expected) => {
  expect(load(env).dataDir).toBe(expected)
})

test('a separate socket folder does not move the data folder', () => {
  expect(load({ HERO_SOCKET_DIR: '/s' }).dataDir).toBe(load().dataDir)
})

test('the models file is the one of MODELS_CONFIG_PATH, else that of the working directory, else the shipped one', () => {
  expect(load({ MODELS_CONFIG_PATH: 'mine.yml' }).modelsConfigPath).toBe(join(home, 'mine.yml'))
  expect(load({ MODELS_CONFIG_PATH: '~/mine.yml' }).modelsConfigPath).toBe(join(home, 'mine.yml'))
  expect(readModelsFile(load().modelsConfigPath).catalog.models.has('gpt-4o')).toBe(true)
  writeFileSync(join(home, 'modelsconfig.yml'), 'models: {}')
  expect(load().modelsConfigPath).toBe(join(home, 'modelsconfig.yml'))
})

test.each([
  [{ GROQ_API_KEY: 'one' }, ['one']],
  [{ GROQ_API_KEYS: ' one, two ,,one' }, ['one', 'two']],
  [{ GROQ_API_KEY: 'one', GROQ_API_KEYS: 'two,one' }, ['one', 'two']],
  [{ GROQ_API_KEY: ' ' }, []],
  [{ OPENAI_API_KEY: 'one' }, []],
])('the keys for Groq from %j are %j', (env, expected) => {
  expect(keysOf(env, 'groq')).toEqual(expected)
})

test('keys for Alibaba may be in variables of either of its names', () => {
  expect(keysOf({ DASHSCOPE_API_KEY: 'd', ALIBABA_API_KEYS: 'a,b' }, 'alibaba')).toEqual(['a', 'b', 'd'])
})

test('a provider of the models file has its keys in the variable that the file names', () => {
  expect(keysOf({ MY_KEY: 'one', MY_KEYS: 'two', ACME_API_KEY: 'three' }, 'acme', 'MY_KEY')).toEqual([
    'one',
    'two',
  ])
  expect(keysOf({ MY_LLAMA_API_KEY: 'one' }, 'my-llama')).toEqual(['one'])
})

test('printing the configuration in any way shows no secret', () => {
  const config = load({ OPENAI_API_KEY: 'sk-hush', ADMIN_TOKEN: 'adm-hush', HERO_SECRET: 'jwt, hush' })
  const seen =
    inspect([config, config.keysOf('openai')], { depth: 9, showHidden: true }) + JSON.stringify(config)
  expect(seen).not.toContain('hush')
  expect(config.heroSecret?.reveal()).toBe('jwt, hush')
})

test('a key that can’t be sent in a header is refused, and not shown', () => {
  const load = () => keysOf({ GROQ_API_KEYS: 'good,two words' }, 'groq')
  expect(load).toThrow(/^GROQ_API_KEYS holds a key with a space/)
  expect(load).not.toThrow(/two words/)
})

test('the .env file provides only secrets that the environment lacks', () => {
  writeEnvFile('OPENAI_API_KEY=from-file\nGROQ_API_KEY=from-file\nADMIN_TOKEN=t\nROUTING_STRATEGY=best\n')
  const config = load({ OPENAI_API_KEYS: 'from-env' })
  expect(config.keysOf('openai').map((key) => key.reveal())).toEqual(['from-env'])
  expect(config.keysOf('groq').map((key) => key.reveal())).toEqual(['from-file'])
  expect(config.adminToken?.reveal()).toBe('t')
  expect(config.routingStrategy).toBe('cheapest')
})

test('keys that are added to or removed from the .env file take effect when it is read again; a bad file changes nothing', () => {
  writeEnvFile('OPENAI_API_KEY=old\nADMIN_TOKEN=t\n')
  const config = load()
  const keys = (name: string) => config.keysOf(name).map((key) => key.reveal())
  writeEnvFile('GROQ_API_KEYS=one,two\nADMIN_TOKEN=other\n')
  expect([keys('openai'), keys('groq')]).toEqual([['old'], []])
  config.rereadKeys()
  expect([keys('openai'), keys('groq')]).toEqual([[], ['one', 'two']])
  expect(config.adminToken?.reveal()).toBe('t')

  const path = writeEnvFile('OPENAI_API_KEY=shown\n', 0o644)
  expect(() => config.rereadKeys()).toThrow(`run: chmod 600 ${path}`)
  expect([keys('openai'), keys('groq')]).toEqual([[], ['one', 'two']])
})

test('a .env file that lost most of its variables changes nothing, unless that is allowed', () => {
  const path = writeEnvFile('A_API_KEY=a\nB_API_KEY=b\nC_API_KEY=c\n')
  const config = load()
  for (const text of ['', 'A_API_KEY=a\n']) {
    writeEnvFile(text)
    expect(() => config.rereadKeys()).toThrow(
      `${path} has ${text === '' ? 0 : 1} of 3 variables: is it cut off?`,
    )
    expect(config.keysOf('b')).toHaveLength(1)
  }
  config.rereadKeys({ mayLoseMost: true })
  expect(config.keysOf('b')).toEqual([])
})

test('a .env file that is a FIFO or too long is refused without reading it', () => {
  const path = writeEnvFile(`A=${'x'.repeat(300_000)}`)
  expect(() => load()).toThrow(`${path} can’t be read: it has 293 KiB, at most 256 KiB are read`)
  rmSync(path)
  execFileSync('mkfifo', ['-m', '600', path])
  expect(() => load()).toThrow(`${path} can’t be read: it is a FIFO, should be a regular file`)
})

test('a .env file that other users can read is refused, with the command that corrects it', () => {
  const path = writeEnvFile('OPENAI_API_KEY=x', 0o644)
  expect(() => load()).toThrow(`run: chmod 600 ${path}`)
})

test.each([
  ['https://proxy.example/v1/', 'https://proxy.example/v1'],
  ['http://127.0.0.1:8080/v1', 'http://127.0.0.1:8080/v1'],
  ['http+unix://%2Ftmp%2Fllama.sock/v1', 'http+unix://%2Ftmp%2Fllama.sock/v1'],
])('a provider can have the base URL %s from the environment', (url, expected) => {
  const config = load({ AIBROKER_MY_LLAMA_URL: url })
  expect(config.baseUrlOf('my-llama')).toBe(expected)
  expect(config.baseUrlOf('openai')).toBeUndefined()
})

test('the TCP listener needs an address and a port', () => {
  expect(load({}, { address: '::', port: '33850', mother: true })).toMatchObject({
    listen: { address: '::', port: 33_850 },
    isMother: true,
  })
  expect(load({}, { address: '[fc00::1]', port: 0 }).listen).toEqual({ address: 'fc00::1', port: 0 })
  expect(load({ HERO_MYCELIUM_IP: '54f::7' }, { address: 'auto', port: 0 }).listen).toEqual({
    address: '54f::7',
    port: 0,
  })
})

test.each<[Flags, string]>([
  [{ port: 33_850 }, '--port needs --address with it, such as --address 127.0.0.1'],
  [{ address: '::' }, '--address needs --port with it, such as --port 33850'],
  [
    { address: 'auto', port: 1 },
    '--address is auto, and this host has no mycelium address: start mycelium, set HERO_MYCELIUM_IP, or name an IP address',
  ],
  [
    { address: 'localhost', port: 1 },
    '--address is “localhost”, should be an IP address, such as 127.0.0.1 or ::',
  ],
  [{ address: '::', port: '70000' }, '--port is “70000”, should be a number from 0 to 65535'],
  [{ address: '::', port: '' }, '--port is “”, should be a number from 0 to 65535'],
])('the flags %j are refused', (flags, message) => {
  expect(() => load({}, flags)).toThrow(message)
})

test('a data folder in /proc or /sys is refused before it is created', () => {
  expect(() => load({ PATH_VAR: '/proc/self/x' })).toThrow('which is the kernel’s; name a folder on a disk')
  expect(() => load({ AIBROKER_DATA_DIR: '/sys' })).toThrow('leads to /sys')
  expect(() => load({ PATH_VAR: '/processes' })).not.toThrow()
})

test('all bad values are reported at once, each with valid ones', () => {
  const env = {
    ROUTING_STRATEGY: 'fastest',
    AIBROKER_LOG_LEVEL: 'loud',
    AIBROKER_BODY_LIMIT_MB: '-1',
    AIBROKER_DRAIN_TIMEOUT_S: '1.5',
    AIBROKER_GROQ_URL: 'groq.com',
  }
  expect(() => load(env)).toThrow(
    expect.objectContaining({
      code: 'bad-request',
      message: [
        'AIBROKER_GROQ_URL is “groq.com”, should be https://host/v1, http://host/v1 or http+unix://%2Fpath%2Fof.sock/v1 (it is no URL)',
        'ROUTING_STRATEGY is “fastest”, should be cheapest or best',
        'AIBROKER_BODY_LIMIT_MB is “-1”, should be whole megabytes, such as 64',
        'AIBROKER_DRAIN_TIMEOUT_S is “1.5”, should be whole seconds, such as 30',
        'AIBROKER_LOG_LEVEL is “loud”, should be trace or debug or info or warn or error or fatal or silent',
      ].join('\n'),
    }),
  )
})

test('an error about a URL does not show the keys in it', () => {
  const start = () => load({ AIBROKER_GROQ_URL: 'ftp://ada:s3cret@groq.com/v1?key=s3cret' })
  expect(start).toThrow('AIBROKER_GROQ_URL is “ftp://***@groq.com/v1?***”')
})

test.each([
  ['https://groq.com/v1?api-version=s3cret', 'it ends with its path'],
  ['https://groq.com/v1#s3cret', 'it ends with its path'],
  ['https://ada:s3cret@groq.com/v1', 'keys belong in a key variable'],
  ['http+unix://run.sock/v1', 'the socket’s path must be absolute'],
  ['http+unix://%2Frun%ZZ/v1', 'percent-encoded'],
])('an invalid base URL is refused at the start: %s', (url, why) => {
  const start = () => load({ AIBROKER_GROQ_URL: url })
  expect(start).toThrow(why)
  expect(start).not.toThrow('s3cret')
})

function writeEnvFile(text: string, mode = 0o600): string {
  const folder = join(home, 'hero/var/hero_aibroker')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, '.env'), text)
  chmodSync(join(folder, '.env'), mode)
  return join(folder, '.env')
}

test('every setting is among the effective ones, with its source', () => {
  const source = readFileSync(new URL('../../src/config/config.ts', import.meta.url), 'utf8')
  const read = [
    ...source.matchAll(
      /(?:choice|whole|text|listOf)\((?:settings, )?'([A-Z_0-9]+)'|findSecret\(secrets, '([A-Z_]+)'/g,
    ),
  ]
  const shown = load().effective.map(({ variable }) => variable)
  for (const [, setting, secret] of read) expect(shown).toContain(setting ?? secret)
  expect(read.length).toBeGreaterThan(10)
})

test('AIBROKER_DURABILITY is soon or full, and shown under that name', () => {
  const load = (value?: string) =>
    loadConfig({
      env: { HOME: '/h', ...(value === undefined ? {} : { AIBROKER_DURABILITY: value }) },
      cwd: '/',
    })
  expect(load().durability).toBe('power-safe-soon')
  expect(load('full').durability).toBe('full')
  expect(load('full').effective).toContainEqual({
    name: 'durability',
    value: 'full',
    source: 'environment',
    variable: 'AIBROKER_DURABILITY',
  })
  expect(() => load('always')).toThrow(/AIBROKER_DURABILITY.*soon/)
})

test.each([
  '<your key>',
  '${OTHER}',
  '$OTHER',
  'YOUR_API_KEY',
  'your-key-here',
  '%KEY%',
  'sk-...',
  'sk-proj-xxxxxxxx',
  '***',
  '!secret key',
])('the placeholder %s counts as no key, and is never sent as one', (placeholder) => {
  const load = (value: string) => loadConfig({ env: { HOME: '/h', ACME_KEY: value }, cwd: '/h' })
  expect(load(placeholder).keysOf('acme', 'ACME_KEY')).toEqual([])
  const keys = load(`${placeholder}, sk-1`).keysOf('acme', 'ACME_KEY')
  expect(keys.map((key) => key.reveal())).toEqual(['sk-1'])
})

test.each([
  '10.0.0.0/33',
  '10.0.0.0/0',
  'fd00::/129',
  '10.0.0.0/',
  '10.0.0/8',
  '10.0.0.0/8/8',
  'proxy.example.org',
])('“%s” is no trusted proxy, and the error names it', (item) => {
  expect(() => load({ AIBROKER_TRUSTED_PROXIES: `10.0.0.1, ${item}` })).toThrow(
    `AIBROKER_TRUSTED_PROXIES has “${item}” in it`,
  )
})

test('trusted proxies are addresses and networks', () => {
  const items = ['10.0.0.1', '172.16.0.0/12', 'fd00::/8', '::1/128']
  expect([...load({ AIBROKER_TRUSTED_PROXIES: items.join(', ') }).proxies]).toEqual(items)
})
