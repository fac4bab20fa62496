import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseListenAddress } from '../../src/mcp-servers/shared/serve/serve-http.ts'
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

  test.each([['SIGHUP'], ['SIGUSR1'], ['SIGUSR2']] as const)('keeps serving after %s', async (signal) => {
    await using program = await startProgram('mcp_ping', { era: 'auto' })
    await program.tool('ping', { message: 'first' })
    process.kill(program.pid, signal)
    expect((await program.tool('ping', { message: 'hello' })).data).toMatchObject({ message: 'hello' })
  })

  test.each([
    ['SIGTERM', 'waits for the result', false],
    ['SIGQUIT', 'ends without it', true],
  ] as const)('a call that is running at %s %s', async (signal, _what, isCut) => {
    const received = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const vendor = createServer((_request, response) => {
      received.resolve()
      void gate.promise.then(() => response.end('{"organic":[]}'))
    }).listen(0, '127.0.0.1')
    await once(vendor, 'listening')
    const { port } = vendor.address() as AddressInfo
    const env = { SERPER_API_KEY: 'test-key', SERPER_URL: `http://127.0.0.1:${port}` }
    await using program = await startProgram('mcp_serper', { env })
    const called = program.tool('web_search', { query: 'hello' }).then(
      ({ isError }) => (isError ? 'error' : 'result'),
      () => 'cut',
    )
    await received.promise
    process.kill(program.pid, signal)
    if (!isCut) gate.resolve()
    expect(await called).toBe(isCut ? 'cut' : 'result')
    gate.resolve()
    vendor.closeAllConnections()
    vendor.close()
  })

  test('a full disk behind its errors does not end it', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [binOf('mcp_ping')], { stdio: ['pipe', 'pipe', full] })
    closeSync(full)
    child.stdin?.write('this is not JSON\n')
    const initialize = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    }
    child.stdin?.write(
      `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize })}\n`,
    )
    const [response] = (await once(child.stdout ?? child, 'data')) as [Buffer]
    expect(String(response)).toContain('"id":1')
    child.stdin?.end()
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test.each([
    ['its responses', [], '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'],
    ['its help', ['--help'], ''],
  ])('a full disk behind %s is a failure that it states', async (_what, args, input) => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [binOf('mcp_ping'), ...args], { stdio: ['pipe', full, 'pipe'] })
    closeSync(full)
    const errors = text(child.stderr as Readable)
    child.stdin?.on('error', () => undefined)
    child.stdin?.write(input)
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(await errors).toMatch(
      /^mcp_ping: the output can’t be written: ENOSPC: no space left on device, write\n$/,
    )
  })

  test('ends without a failure when its client is gone', async () => {
    const child = spawn(process.execPath, [binOf('mcp_ping')], { stdio: ['pipe', 'pipe', 'pipe'] })
    const errors = text(child.stderr)
    child.stdout.destroy()
    child.stdin.on('error', () => undefined)
    const ended = once(child, 'exit')
    for (const at of [1, 2, 3]) child.stdin.write(`{"jsonrpc":"2.0","id":${at},"method":"ping"}\n`)
    expect(await ended).toEqual([0, null])
    expect(await errors).not.toContain('EPIPE')
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
