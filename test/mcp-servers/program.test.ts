import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseListenAddress } from '../../src/mcp-servers/shared/serve-http.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { binOf, startProgram } from './support.ts'

describe('the program of a bundled server', () => {
  test.each([
    ['legacy', 'legacy'],
    ['auto', 'modern'],
  ] as const)(
    'serves a client in %s mode over standard input and output in the %s protocol',
    async (era, spoken) => {
      await using program = await startProgram('mcp_ping', { era })
      expect(program.client.getProtocolEra()).toBe(spoken)
      const called = await program.tool('ping', { message: 'hello' })
      expect(called.data).toMatchObject({ message: 'hello' })
      expect(called.text).toMatch(/^hello \(/)
    },
  )

  test('serves HTTP on a Unix socket and removes the file on SIGTERM', async () => {
    using folder = tempFolder()
    const path = join(folder.path, 'mcp.sock')
    const child = spawn(process.execPath, [binOf('mcp_ping'), '--http', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    await once(child.stderr, 'data')
    const status = await new Promise((resolve) => {
      request({ socketPath: path, path: '/health', headers: { host: 'localhost' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).end()
    })
    expect(status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(existsSync(path)).toBe(false)
  })

  test('exits when its input ends', async () => {
    const child = spawn(process.execPath, [binOf('mcp_ping')], { stdio: ['pipe', 'ignore', 'inherit'] })
    child.stdin.end()
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('listens only on loopback addresses and Unix sockets', () => {
    expect(() => parseListenAddress('0.0.0.0:80')).toThrow(/not loopback/)
    expect(parseListenAddress('8901')).toEqual({ host: '127.0.0.1', port: 8901 })
    expect(parseListenAddress('[::1]:8901')).toEqual({ host: '::1', port: 8901 })
    expect(parseListenAddress('/tmp/a.sock')).toEqual({ path: '/tmp/a.sock' })
    expect(() => parseListenAddress(`/tmp/${'a'.repeat(120)}.sock`)).toThrow(/longer than 107 bytes/)
  })
})
