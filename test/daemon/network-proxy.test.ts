import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { httpProxy, type HttpProxy, type HttpProxyOptions } from '../support/http-proxy.ts'
import { MAIN, runProcess } from '../support/run-cli.ts'
import { chatChunk, done, finishChunk, json, scriptedUpstream, sse } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'
import { testAuthority } from '../support/test-certificates.ts'

/** A name that resolves nowhere (RFC 6761): only the proxy can reach it. */
const HOST = 'llm.corp.invalid'
const messages = [{ role: 'user', content: 'hi' }]
const whole = {
  id: 'x',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
}

let folder: TempFolder
const open: AsyncDisposable[] = []
beforeEach(() => (folder = tempFolder()))
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** A provider behind TLS, whose certificate a company's authority has signed; NODE_EXTRA_CA_CERTS names that. */
async function tlsProvider(): Promise<{ readonly port: number; readonly ca: string }> {
  const authority = testAuthority()
  const { certificate, key } = authority.issue(HOST)
  const server = createServer({ cert: certificate, key }, (request, response) => {
    request.resume()
    request.on('end', () =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  open.push({ [Symbol.asyncDispose]: close })
  const ca = join(folder.path, 'ca.pem')
  writeFileSync(ca, authority.certificate)
  return { port: (server.address() as AddressInfo).port, ca }
}

async function proxyTo(port: number, options?: HttpProxyOptions): Promise<HttpProxy> {
  const proxy = await httpProxy(port, options)
  open.push(proxy)
  return proxy
}

interface Setting {
  readonly baseUrl: string
  readonly env: Readonly<Record<string, string>>
  /** Of the provider in the models file. */
  readonly proxy?: string | undefined
}

async function brokerWith({ baseUrl, env, proxy }: Setting): Promise<Broker> {
  const own = proxy === undefined ? '' : `, proxy: "${proxy}"`
  const file = join(folder.path, 'models.yml')
  writeFileSync(
    file,
    `providers: {acme: {base_url: "${baseUrl}", key_env: ACME_KEY${own}}}\n` +
      'models: {m: {backends: [{provider: acme, model_id: m, input_cost: 1, output_cost: 1}]}}\n',
  )
  const broker = await startBroker({
    folder: folder.path,
    env: { ACME_KEY: 'sk-canary-7', MODELS_CONFIG_PATH: file, NO_PROXY: '', ...env },
  })
  open.push(broker)
  return broker
}

const ask = (broker: Broker, extra: object = {}) =>
  broker.post('/v1/chat/completions', { model: 'm', messages, ...extra })

describe.each(['lean', 'undici'])('with the HTTP client %s', (client) => {
  test('a provider behind TLS is reached through the proxy, which sees neither key nor request', async () => {
    const { port, ca } = await tlsProvider()
    const proxy = await proxyTo(port)
    const env = {
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      NODE_EXTRA_CA_CERTS: ca,
      AIBROKER_HTTP_CLIENT: client,
    }
    const broker = await brokerWith({ baseUrl: `https://${HOST}/v1`, env })
    for (let nth = 0; nth < 2; nth++) expect(await ask(broker)).toMatchObject({ status: 200 })
    // The second request takes the tunnel of the first.
    expect(proxy.asked).toEqual([`CONNECT ${HOST}:443`])
  })

  test('a provider without TLS gets its requests from the proxy, streams included', async () => {
    await using upstream = await scriptedUpstream([sse(chatChunk('ok'), finishChunk(), done)], {
      over: 'tcp',
    })
    const authorization = `Basic ${Buffer.from('ann:s e').toString('base64')}`
    const proxy = await proxyTo(upstream.port ?? 0, { authorization })
    const env = { http_proxy: `http://ann:s%20e@127.0.0.1:${proxy.port}`, AIBROKER_HTTP_CLIENT: client }
    const broker = await brokerWith({ baseUrl: `http://${HOST}/v1`, env })
    const { status, text } = await ask(broker, { stream: true })
    expect([status, text.endsWith('data: [DONE]\n\n')]).toEqual([200, true])
    expect(proxy.asked).toEqual([`POST http://${HOST}/v1/chat/completions`])
    expect(upstream.requests[0]?.headers).toMatchObject({ authorization: 'Bearer sk-canary-7', host: HOST })
    expect(broker.stdout() + broker.stderr()).not.toContain('s%20e')
  })
})

describe('a proxy that fails is named with its cause', () => {
  test.each<[string, HttpProxyOptions, string, string]>([
    [
      'no credentials',
      { authorization: 'Basic x' },
      '',
      'wants credentials (HTTP 407 Proxy Authentication Required)',
    ],
    ['wrong credentials', { authorization: 'Basic x' }, 'ann:wrong@', 'refuses our credentials (HTTP 407'],
    [
      'a refused destination',
      { refusal: '403 Forbidden by policy' },
      '',
      `does not connect to ${HOST}:443: HTTP 403 Forbidden by policy`,
    ],
  ])('%s', async (_what, options, credentials, message) => {
    const proxy = await proxyTo(1, options)
    const env = { HTTPS_PROXY: `http://${credentials}127.0.0.1:${proxy.port}` }
    const broker = await brokerWith({ baseUrl: `https://${HOST}/v1`, env })
    const { status, text } = await ask(broker)
    expect(status).toBe(502)
    expect(text).toContain(message)
    expect(text).not.toContain('wrong@')
    await expect.poll(() => broker.openHolds()).toBe(0)
  })

  test('a proxy that is not there', async () => {
    const gone = await httpProxy(1)
    await gone[Symbol.asyncDispose]()
    const env = { HTTPS_PROXY: `http://127.0.0.1:${gone.port}` }
    const broker = await brokerWith({ baseUrl: `https://${HOST}/v1`, env })
    const { status, text } = await ask(broker)
    expect(status).toBe(502)
    expect(text).toContain(`no connection to the proxy http://127.0.0.1:${gone.port}: connect ECONNREFUSED`)
  })

  test('an address that is none is refused at the start, without being quoted', async () => {
    const start = brokerWith({
      baseUrl: `https://${HOST}/v1`,
      env: { HTTPS_PROXY: 'socks5://ann:secret@proxy:1080' },
    })
    await expect(start).rejects.toThrow(/HTTPS_PROXY.*SOCKS proxies are not supported/)
    await expect(start).rejects.not.toThrow(/secret/)
  })
})

describe('a provider is reached directly', () => {
  const direct = async (env: (proxy: HttpProxy) => Record<string, string>, proxy?: string) => {
    await using upstream = await scriptedUpstream([json(200, whole)], { over: 'tcp' })
    const unused = await proxyTo(upstream.port ?? 0)
    const broker = await brokerWith({ baseUrl: upstream.baseUrl, env: env(unused), proxy })
    expect(await ask(broker)).toMatchObject({ status: 200 })
    return unused.asked
  }
  const url = ({ port }: HttpProxy): string => `http://127.0.0.1:${port}`

  test('when it runs on this host', async () => {
    expect(await direct((proxy) => ({ HTTP_PROXY: url(proxy), ALL_PROXY: url(proxy) }))).toEqual([])
  })

  test('when its own setting says so', async () => {
    expect(await direct((proxy) => ({ HTTP_PROXY: url(proxy) }), 'direct')).toEqual([])
  })
})

test('a provider’s own proxy wins over the environment, and `doctor` and `info` say which way each is reached', async () => {
  await using upstream = await scriptedUpstream([json(200, whole)], { over: 'tcp' })
  const [own, other] = [await proxyTo(upstream.port ?? 0), await proxyTo(upstream.port ?? 0)]
  const broker = await brokerWith({
    baseUrl: upstream.baseUrl,
    env: {
      HTTP_PROXY: `http://127.0.0.1:${other.port}`,
      OPENAI_API_KEY: 'test-key',
      AIBROKER_OPENAI_URL: upstream.baseUrl,
    },
    proxy: `http://ann:secret@127.0.0.1:${own.port}`,
  })
  expect(await ask(broker)).toMatchObject({ status: 200 })
  expect([own.asked.length, other.asked]).toEqual([1, []])
  const argv = [MAIN, '--socket', broker.sockets.rpc, 'doctor']
  const { out: stdout } = await runProcess(process.execPath, argv)
  expect(stdout).toMatch(
    new RegExp(`acme: .*, reached through the proxy http://127\\.0\\.0\\.1:${own.port}\n`),
  )
  expect(stdout).toMatch(/OpenAI: .*, reached directly\n/)
  expect(stdout).not.toContain('secret')
})
