import { describe, expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { NO_SERVERS, parseMcpConfig } from '../../../src/mcp/config/config.ts'
import { ToolPolicy } from '../../../src/mcp/policy/tool-policy.ts'

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

test.each([
  ['{ nonsense', /^\/etc\/servers\.json: .*JSON/],
  [{}, /^\/etc\/servers\.json: mcpServers: /],
  [{ mcpServers: 'all' }, /^\/etc\/servers\.json: mcpServers: /],
  [[], /^\/etc\/servers\.json: /],
])('a file that is no configuration at all is rejected: %j', (config, message) => {
  expect(() => parse(config)).toThrow(
    expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
  )
})

describe('an entry that can’t be used is left out with the path of its mistake, and the others stay', () => {
  test.each([
    ['bad', { command: 5 }, /: mcpServers\.bad\.command: /],
    ['bad', { command: 'a', args: [1] }, /: mcpServers\.bad\.args\[0\]: /],
    ['bad', {}, /: mcpServers\.bad\.command: give either a command or a url$/],
    ['bad', null, /: mcpServers\.bad: /],
    ['bad', [], /: mcpServers\.bad: /],
    ['bad', { command: 'a', url: 'http://a' }, /: give either a command or a url$/],
    ['bad', { url: 'ftp://a' }, /: mcpServers\.bad\.url: /],
    ['bad', { type: 'websocket', url: 'http://a' }, /: mcpServers\.bad\.type: /],
    ['a__b', { command: 'a' }, /: mcpServers\.a__b: “a__b” is no server name.*such as “a-b”$/],
    ['Sequential Thinking', { command: 'a' }, /is no server name.*such as “Sequential-Thinking”$/],
    ['awslabs.aws-documentation-mcp-server', { command: 'a' }, /such as “documentation-mcp-server”$/],
    ['GOOD', { command: 'a' }, /: there are two servers named “GOOD”$/],
    ['bad', { command: 'a', env: { K: '${NOT_SET}' } }, /bad\.env\.K: the variable NOT_SET is not set$/],
    [
      'bad',
      { url: 'http://a', headers: { A: '${NOT_SET}' } },
      /headers\.A: the variable NOT_SET is not set$/,
    ],
    ['bad', { command: 'a', prices: { x: '-1' } }, /: mcpServers\.bad\.prices\.x: a price is not negative$/],
  ])('%s: %j', (name, entry, reason) => {
    const text = `{"mcpServers": {"good": {"command": "g"}, ${JSON.stringify(name)}: ${JSON.stringify(entry)}}}`
    const { servers, problems } = parse(text)
    expect(servers.map((server) => server.name)).toEqual(['good'])
    expect(problems).toEqual([{ server: name, reason: expect.stringMatching(reason) as string }])
  })

  test('in the list form as well, also when the name is missing or an entry is no object', () => {
    const { servers, problems } = parse({
      mcpServers: [
        { command: 'x' },
        5,
        null,
        { name: 'good', command: 'g' },
        { name: 'a', command: 'a', odd: 1 },
      ],
    })
    expect(servers.map(({ name }) => name)).toEqual(['good'])
    expect(problems.map(({ server }) => server)).toEqual([
      'mcpServers[0]',
      'mcpServers[1]',
      'mcpServers[2]',
      'a',
    ])
  })

  test('without repeating a value, which may be a key', () => {
    const { problems } = parse({ mcpServers: { a: { command: 'a', env: { KEY: ['sk-secret'] } } } })
    expect(problems).toHaveLength(1)
    expect(JSON.stringify(problems)).not.toContain('sk-secret')
  })

  test('a long list of mistakes is cut off', () => {
    const names = Array.from({ length: 5000 }, (_, at) => [`n.${at}`, {}])
    const { problems } = parse({ mcpServers: Object.fromEntries(names) as object })
    expect(problems).toHaveLength(51)
    expect(problems.at(-1)).toEqual({
      server: '*',
      reason: '/etc/servers.json: 4950 more problems are not listed',
    })
  })
})

test.each([
  ['map', (names: string[]) => Object.fromEntries(names.map((name) => [name, { command: 'a' }])) as object],
  ['list', (names: string[]) => names.map((name) => ({ name, command: 'a' }))],
])('of a %s of very many servers the first 200 are used, and the others are named', (_form, serversOf) => {
  const names = Array.from({ length: 20_000 }, (_, at) => `s${at}`)
  const { servers, problems } = parse({ mcpServers: serversOf(names) })
  expect(servers.map(({ name }) => name)).toEqual(names.slice(0, 200))
  expect(problems).toEqual([
    {
      server: '*',
      reason:
        '/etc/servers.json: mcpServers: 200 entries are the maximum; 19800 are left out, from “s200” to “s19999”',
    },
  ])
})

test('beyond 1000 policies, callers that none of them matches get no tools', () => {
  const lab = { contexts: ['lab'] }
  const { policies, problems } = parse({
    mcpServers: {},
    policies: [lab, ...Array.from({ length: 5000 }, () => lab), {}],
  })
  expect(policies).toHaveLength(1001)
  const policy = new ToolPolicy(policies, systemClock)
  expect(policy.mayUse({ ip: 'local', context: 'lab' }, 'a__b')).toBe(true)
  expect(policy.mayUse({ ip: 'local', context: undefined }, 'a__b')).toBe(false)
  expect(problems).toEqual([
    { server: '*', reason: expect.stringContaining('1000 are the maximum') as string },
  ])
})

test('an entry named __proto__ is named as a problem, and changes nothing else', () => {
  const { servers, problems } = parse(
    '{"mcpServers": {"__proto__": {"command": "a"}, "b": {"command": "b"}}}',
  )
  expect(servers.map(({ name }) => name)).toEqual(['b'])
  expect(problems).toEqual([
    { server: '__proto__', reason: expect.stringContaining('is no server name') as string },
  ])
})

test.each(['[]', '5', 'null', '"text"', '[{"command": "a"}]'])(
  'a file that is %s is refused in one sentence',
  (text) => {
    expect(() => parse(text)).toThrow(/^\/etc\/servers\.json: should be an object with “mcpServers”$/)
  },
)

test.each([[{ alow: ['*'] }], [5], [{ contexts: 'lab' }]])(
  'a policy that can’t be read closes the tools for every caller that no policy above it matches: %j',
  (bad) => {
    const { policies, problems } = parse({
      mcpServers: {},
      policies: [{ contexts: ['lab'] }, bad, { allow: ['*'] }],
    })
    const policy = new ToolPolicy(policies, systemClock)
    expect(policy.mayUse({ ip: 'local', context: 'lab' }, 'a__b')).toBe(true)
    expect(policy.mayUse({ ip: 'local', context: undefined }, 'a__b')).toBe(false)
    expect(problems).toEqual([{ server: '*', reason: expect.stringContaining('policies[1]') as string }])
  },
)

test('policies that are no list close the tools for everybody', () => {
  const { policies } = parse({ mcpServers: {}, policies: { allow: ['*'] } })
  expect(new ToolPolicy(policies, systemClock).mayUse({ ip: 'local', context: undefined }, 'a__b')).toBe(
    false,
  )
})

test('limits of chats that can’t be read are the default ones', () => {
  const { chat, problems } = parse({ mcpServers: {}, chat: { maxCost: 'much' } })
  expect(chat).toEqual(NO_SERVERS.chat)
  expect(problems).toEqual([{ server: '*', reason: expect.stringContaining('chat.maxCost') as string }])
})

test('a disabled server needs none of its variables', () => {
  const { servers } = parse({ mcpServers: { a: { command: 'a', env: { K: '${NOT_SET}' }, disabled: true } } })
  expect(servers[0]?.disabled).toBe(true)
})
