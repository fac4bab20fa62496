import { describe, expect, test } from 'vitest'
import { parseMcpConfig } from '../../../src/mcp/config/config.ts'

const parse = (text: string, environment: Record<string, string> = {}) =>
  parseMcpConfig(text, { file: 'mcp.json', environment })

const names = (text: string) => parse(text).servers.map(({ name }) => name)

describe('a file of another host', () => {
  test('may have comments and commas before closing brackets', () => {
    const text = `// servers
      {
        /* the first */ "mcpServers": {
          "a": { "command": "a", "args": ["http://x/*y*/", "a // b", "c,]",], }, // the last
        },
      }`
    expect(parse(text).servers[0]?.address).toMatchObject({ args: ['http://x/*y*/', 'a // b', 'c,]'] })
  })

  test('may have lines that end in CR LF', () => {
    expect(names('{\r\n// a\r\n"mcpServers": {"a": {"command": "a"}}\r\n}\r\n')).toEqual(['a'])
  })

  test.each([
    ['VS Code', { inputs: [], servers: { a: { type: 'stdio', command: 'a' } } }],
    ['the settings of VS Code', { mcp: { servers: { a: { command: 'a' } } } }],
    ['Zed', { context_servers: { a: { command: 'a' } } }],
  ])('keeps its servers where %s does', (_host, file) => {
    expect(names(JSON.stringify(file))).toEqual(['a'])
  })

  test('may not have its servers in two places', () => {
    const file = { mcpServers: { a: { command: 'a' } }, servers: { b: { command: 'b' } } }
    expect(() => parse(JSON.stringify(file))).toThrow(
      'mcp.json: the servers are given twice, under mcpServers and servers; keep one of them',
    )
  })

  test.each(['serverUrl', 'httpUrl'])('may call a URL %s', (field) => {
    const { servers } = parse(JSON.stringify({ mcpServers: { a: { [field]: 'http://h/mcp' } } }))
    expect(servers[0]?.address).toMatchObject({ url: new URL('http://h/mcp') })
  })

  test('writes variables of the environment as ${env:NAME}', () => {
    const file = { servers: { a: { url: 'http://h/', headers: { authorization: 'Bearer ${env:KEY}' } } } }
    const { servers } = parse(JSON.stringify(file), { KEY: 'abc' })
    expect(servers[0]?.address).toMatchObject({ headers: { authorization: 'Bearer abc' } })
  })

  test('is not read where it is neither JSON nor JSON with comments', () => {
    expect(() => parse('{ // a\n nonsense')).toThrow(/mcp\.json: .*JSON/)
  })
})

describe('a placeholder is never sent as a credential', () => {
  test.each([
    [
      'headers',
      { authorization: 'Bearer ${input:key}' },
      'headers.authorization: ${input:key} means nothing here',
    ],
    ['headers', { authorization: 'Bearer <your token>' }, 'headers.authorization: is a placeholder'],
    ['headers', { 'x-api-key': 'YOUR_API_KEY' }, 'headers.x-api-key: is a placeholder'],
    ['headers', { 'x-api-key': '{env:KEY}' }, 'headers.x-api-key: is a placeholder'],
    ['headers', { authorization: 'Bearer $TOKEN' }, 'headers.authorization: is a placeholder'],
    ['headers', { authorization: 'Bearer <token>' }, 'headers.authorization: is a placeholder'],
  ])('in %s %j', (field, value, reason) => {
    const { servers, problems } = parse(
      JSON.stringify({ mcpServers: { a: { url: 'http://h/', [field]: value } } }),
    )
    expect(servers).toEqual([])
    expect(problems[0]?.reason).toContain(reason)
  })

  test.each(['<key>', '${KEY:?}', '%KEY%', 'your-api-key-here', 'insert key here'])(
    'in env as %s',
    (value) => {
      const file = { mcpServers: { a: { command: 'a', env: { API_KEY: value } }, b: { command: 'b' } } }
      const { servers, problems } = parse(JSON.stringify(file))
      expect(servers.map(({ name }) => name)).toEqual(['b'])
      expect(problems).toHaveLength(1)
    },
  )

  test('a file of variables that is not read is refused by name', () => {
    const { problems } = parse(JSON.stringify({ servers: { a: { command: 'a', envFile: '.env' } } }))
    expect(problems[0]?.reason).toContain('envFile: is not read here; write its variables under env')
  })

  test('a real key, and a text that only resembles a placeholder, are kept', () => {
    const env = { API_KEY: 'sk-YOURs-1', TEMPLATE: 'a <b> c', NAME: 'your name' }
    expect(parse(JSON.stringify({ mcpServers: { a: { command: 'a', env } } })).servers).toHaveLength(1)
  })
})
