import { describe, expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { parseMcpConfig } from '../../../src/mcp/config/config.ts'

const parse = (config: unknown, environment: Record<string, string> = {}) =>
  parseMcpConfig(typeof config === 'string' ? config : JSON.stringify(config), {
    file: '/etc/servers.json',
    environment,
  })

test('the list form and the map form mean the same', () => {
  const server = { command: '/bin/serper', args: ['-v'], env: { KEY: 'k' } }
  const fromList = parse({ mcpServers: [{ name: 'serper', ...server }] })
  expect(fromList).toEqual(parse({ mcpServers: { serper: server } }))
  expect(fromList.servers[0]).toMatchObject({
    name: 'serper',
    address: { type: 'stdio', command: '/bin/serper', args: ['-v'], env: { KEY: 'k' } },
  })
})

test('unknown fields of other hosts are ignored in the map form', () => {
  const { servers } = parse({
    mcpServers: { a: { command: 'a', autoApprove: [], gallery: true } },
    inputs: [],
  })
  expect(servers.map(({ name }) => name)).toEqual(['a'])
})

test.each([
  ['http://localhost:1/mcp', { url: new URL('http://localhost:1/mcp'), socketPath: undefined }],
  ['unix:/run/a.sock', { url: new URL('http://localhost/mcp'), socketPath: '/run/a.sock' }],
  ['unix:/run/a.sock:/tools', { url: new URL('http://localhost/tools'), socketPath: '/run/a.sock' }],
  ['http+unix://%2Frun%2Fa.sock/mcp', { url: new URL('http://localhost/mcp'), socketPath: '/run/a.sock' }],
])('the server address %s is accepted', (url, address) => {
  expect(parse({ mcpServers: { a: { url } } }).servers[0]?.address).toEqual({
    type: 'http',
    headers: {},
    ...address,
  })
})

test('variables are expanded from the environment or their default', () => {
  const server = { url: 'https://${HOST}/mcp', headers: { authorization: 'Bearer ${TOKEN:-none}' } }
  const { servers } = parse({ mcpServers: { a: server } }, { HOST: 'a.example' })
  expect(servers[0]?.address).toMatchObject({
    url: new URL('https://a.example/mcp'),
    headers: { authorization: 'Bearer none' },
  })
})

test('prices are parsed exactly', () => {
  const { servers } = parse({
    mcpServers: { a: { command: 'a', prices: { search: '0.000000001', '*': 2 } } },
  })
  expect(servers[0]?.prices).toEqual(
    new Map([
      ['search', money(1n)],
      ['*', money(2_000_000_000n)],
    ]),
  )
})

describe('an invalid configuration is rejected with the path of the error', () => {
  test.each([
    ['{ nonsense', /^\/etc\/servers\.json: .*JSON/],
    [{}, /^\/etc\/servers\.json: mcpServers: /],
    [{ mcpServers: [{ name: 'a', command: 5 }] }, /: mcpServers\[0\]\.command: /],
    [{ mcpServers: { a: { command: 'a', args: [1] } } }, /: mcpServers\.a\.args\[0\]: /],
    [{ mcpServers: { a: {} } }, /: mcpServers\.a\.command: give either a command or a url$/],
    [{ mcpServers: { a: { command: 'a', url: 'http://a' } } }, /: give either a command or a url$/],
    [{ mcpServers: { a: { url: 'ftp://a' } } }, /: mcpServers\.a\.url: /],
    [{ mcpServers: { a__b: { command: 'a' } } }, /: mcpServers\.a__b: “a__b” is no server name/],
    [
      { mcpServers: { a: { command: 'a', env: { K: '${NOT_SET}' } } } },
      /a\.env\.K: the variable NOT_SET is not set$/,
    ],
    [
      { mcpServers: { a: { command: 'a', prices: { x: '-1' } } } },
      /: mcpServers\.a\.prices\.x: a price is not negative$/,
    ],
    [
      {
        mcpServers: [
          { name: 'a', command: 'a' },
          { name: 'A', command: 'b' },
        ],
      },
      /: mcpServers\[1\]: there are two servers named “A”$/,
    ],
    [{ mcpServers: [], policies: [{ alow: ['*'] }] }, /: policies\[0\]: .*alow/],
  ])('%j', (config, message) => {
    expect(() => parse(config)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
    )
  })

  test('without repeating a value, which may be a key', () => {
    expect(() => parse({ mcpServers: { a: { command: 'a', env: { KEY: ['sk-secret'] } } } })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('sk-secret') }),
    )
  })
})

test('a disabled server needs none of its variables', () => {
  const { servers } = parse({ mcpServers: { a: { command: 'a', env: { K: '${NOT_SET}' }, disabled: true } } })
  expect(servers[0]?.disabled).toBe(true)
})
